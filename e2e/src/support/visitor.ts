import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import net, { type Socket } from 'node:net'
import { DEADLINE_MS } from './process.js'
import type { World } from './world.js'

export interface Visit {
  method?: string
  headers?: OutgoingHttpHeaders
  body?: Buffer | string
  agent?: http.Agent
}

export interface Answer {
  status: number
  reason: string
  headers: http.IncomingHttpHeaders
  rawHeaders: string[]
  trailers: NodeJS.Dict<string>
  body: Buffer
  text: string
}

/** Open a request as a visitor of `name`; the caller reads the response. */
export function open(world: World, name: string, path: string, visit: Visit = {}): http.ClientRequest {
  return http.request({
    host: '127.0.0.1',
    port: world.port,
    path,
    method: visit.method ?? 'GET',
    headers: { host: `${name}.localhost:${world.port}`, ...visit.headers },
    ...(visit.agent === undefined ? { agent: false } : { agent: visit.agent }),
  })
}

export function responseOf(request: http.ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    request.once('error', reject)
  })
}

export async function readAll(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

/** A whole visit: request, response, body. */
export async function visit(world: World, name: string, path: string, options: Visit = {}): Promise<Answer> {
  return complete(open(world, name, path, options), options.body)
}

/** Send what is left of a request and read its whole answer. */
export async function complete(request: http.ClientRequest, requestBody: Visit['body']): Promise<Answer> {
  const answer = responseOf(request)
  request.end(requestBody)
  const response = await answer
  const body = await readAll(response)
  return {
    status: response.statusCode!,
    reason: response.statusMessage!,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    trailers: response.trailers,
    body,
    text: body.toString(),
  }
}

/** A visitor on a bare socket, who sees every byte. */
export class RawVisitor {
  readonly socket: Socket
  received = ''
  ended = false
  failed: Error | undefined
  readonly #watchers = new Set<() => void>()

  constructor(world: World) {
    this.socket = net.connect({ host: '127.0.0.1', port: world.port, allowHalfOpen: true, noDelay: true })
    this.socket.setEncoding('latin1')
    this.socket.on('data', (text: string) => {
      this.received += text
      this.#changed()
    })
    this.socket.on('end', () => {
      const ended = () => {
        this.ended = true
        this.#changed()
      }
      // Node 20 and 22 take a reset that comes together with the last bytes for an end. An empty write fails after a reset.
      if (this.socket.writableEnded || this.socket.writableLength > 0) ended()
      else this.socket.write('', (error) => error ?? ended())
    })
    this.socket.on('error', (error) => {
      this.failed = error
    })
    this.socket.on('close', () => this.#changed())
    world.onLeave(async () => void this.socket.destroy())
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Wait until `check` holds for what was received; fails when the connection ends first. */
  async until(check: (received: string) => boolean): Promise<string> {
    await this.#waitFor(() => check(this.received) || this.#over)
    if (check(this.received)) return this.received
    throw new Error(`the connection ended after ${JSON.stringify(this.received.slice(-2_000))}`)
  }

  /** Wait until the connection is over; returns how. */
  async closed(): Promise<'ended' | 'broken'> {
    await this.#waitFor(() => this.#over)
    return this.ended ? 'ended' : 'broken'
  }

  get #over(): boolean {
    return this.ended || this.socket.destroyed
  }

  #waitFor(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => {
        if (!condition()) return
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve()
      }
      const timer = setTimeout(() => {
        this.#watchers.delete(look)
        reject(new Error(`waited in vain after ${JSON.stringify(this.received.slice(-2_000))}`))
      }, DEADLINE_MS)
      this.#watchers.add(look)
      look()
    })
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look()
  }
}
