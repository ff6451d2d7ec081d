import http, { type IncomingMessage, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { type MemorySocket, socketPair, turn } from './memory-socket.js'

/** A message as node's own strict HTTP parser reads it: somebody else's opinion. */
export interface NodeMessage {
  /** Method and target of a request, code and reason phrase of a response. */
  start: [string, string]
  /** Names and values in turn, in order and case. */
  fields: string[]
  body: Buffer
  trailers: string[]
  complete: boolean
}

const MAX_HEAD_BYTES = 1024 * 1024
/** Turns without anything new after which node has nothing more to say. */
const QUIET_TURNS = 3

/** Names and values in turn, as NodeMessage has them, of header lines that end in CRLF each. */
export function fieldsOf(lines: string): string[] {
  return lines
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).replaceAll(/^[\t ]+|[\t ]+$/g, '')]
    })
}

function record(message: IncomingMessage, start: [string, string]): NodeMessage {
  const recorded: NodeMessage = {
    start,
    fields: message.rawHeaders,
    body: Buffer.alloc(0),
    trailers: [],
    complete: false,
  }
  message.on('data', (part: Buffer) => {
    recorded.body = Buffer.concat([recorded.body, part])
  })
  message.on('end', () => {
    recorded.trailers = message.rawTrailers
    recorded.complete = message.complete
  })
  message.on('error', () => {})
  return recorded
}

/** Let everything happen that can, until `progress` has not changed for some turns. */
async function settle(progress: () => number): Promise<void> {
  let quiet = 0
  for (let before = -1; quiet < QUIET_TURNS; quiet++) {
    if (progress() !== before) quiet = 0
    before = progress()
    await turn()
  }
}

/** node's HTTP server in its strict mode, on in-memory connections. Nothing listens. */
export class NodeServer {
  readonly #server: Server
  /** The connection of the read() that runs; what comes late on another one is not looked at. */
  #current: MemorySocket | undefined
  #seen: NodeMessage[] = []
  #refused = false

  constructor() {
    const options = { maxHeaderSize: MAX_HEAD_BYTES, insecureHTTPParser: false, keepAliveTimeout: 0 }
    this.#server = http.createServer(options)
    this.#server.maxHeadersCount = 0
    for (const event of ['request', 'checkContinue', 'checkExpectation']) {
      this.#server.on(event, (request: IncomingMessage, response: http.ServerResponse) => {
        if ((request.socket as unknown) === this.#current)
          this.#seen.push(record(request, [request.method!, request.url!]))
        request.on('end', () => response.end())
      })
    }
    this.#server.on('clientError', (_error, socket) => {
      if (socket === this.#current) this.#refused = true
      socket.destroy()
    })
  }

  /** What node makes of `bytes` on one connection. `refused`: it answers 400 to what follows the requests. */
  async read(bytes: Buffer): Promise<{ requests: NodeMessage[]; refused: boolean }> {
    this.#seen = []
    this.#refused = false
    const [near, far] = socketPair()
    near.on('error', () => {}).resume()
    this.#current = far
    this.#server.emit('connection', far)
    near.write(bytes)
    const requests = this.#seen
    await settle(() => requests.length + requests.filter((each) => each.complete).length)
    const refused = this.#refused
    near.destroy()
    far.destroy()
    return { requests, refused }
  }
}

export interface NodeAnswer {
  response: NodeMessage | undefined
  /** Statuses of interim responses. */
  interims: number[]
  error: string | undefined
  /** Node would ask again on the same connection. */
  kept: boolean
}

/** node's HTTP client in its strict mode, on one in-memory connection that it keeps alive for as long as it likes. */
export class NodeClient {
  readonly #agent: http.Agent
  #near: MemorySocket
  #far: MemorySocket

  constructor() {
    ;[this.#near, this.#far] = socketPair()
    this.#far.on('error', () => {}).resume()
    this.#agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    this.#agent.createConnection = () => this.#near as unknown as Socket
  }

  /** Ask, and let the answer be `bytes`; with `end` the connection ends behind them. Again only where the last answer says `kept`. */
  async ask(method: string, bytes: Buffer, end: boolean): Promise<NodeAnswer> {
    const answer: NodeAnswer = { response: undefined, interims: [], error: undefined, kept: false }
    const options = {
      agent: this.#agent,
      method,
      host: 'origin',
      maxHeaderSize: MAX_HEAD_BYTES,
      insecureHTTPParser: false,
    }
    let events = 0
    const request = http.request(options)
    request.on('information', ({ statusCode }) => answer.interims.push(statusCode))
    request.on('response', (response) => {
      answer.response = record(response, [String(response.statusCode), response.statusMessage!])
      response.on('data', () => events++)
    })
    request.on('error', (error) => {
      answer.error = error.message
    })
    request.on('close', () => events++)
    request.end()
    await turn()
    this.#far.write(bytes)
    if (end) this.#far.end()
    await settle(() => events + answer.interims.length + (answer.response?.complete ? 1 : 0))
    answer.kept = this.#near.writable && !this.#near.destroyed
    return answer
  }

  close(): void {
    this.#agent.destroy()
    this.#near.destroy()
    this.#far.destroy()
  }
}
