import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { customAlphabet } from 'nanoid'
import {
  acceptHandshake,
  FRAME_HEADER_BYTES,
  isHandshake,
  LINK_PATH,
  type Link,
  parseControl,
  parseToServer,
  type Resume,
  readGreeting,
  SUBPROTOCOL,
  sendGoAway,
  TunnelError,
  WebSocketLink,
} from 'tunnel-protocol'
import { requesterOf } from '../policy/requester.js'
import { AgentSession, type ControlContext } from './agent-session.js'

/** Time for an agent to say hello, or which session it comes back to. */
const GREETING_DEADLINE_MS = 10_000

const sessionId = customAlphabet('abcdefghijkmnpqrstuvwxyz23456789', 10)

/** What is there beside this process, where several share the agents. */
export interface Elsewhere {
  /** In front of the ids of this process's sessions. */
  prefix: string
  /** Take a link to where `session` is; `bytes` have been read of it. Returns false where that can't be. */
  passOn(session: string, link: Link, bytes: Buffer): boolean
  /** Let another process take a link, of which there is nothing but the request, where its query says that it belongs there. Returns whether it does. */
  handOn(request: LinkRequest, socket: Socket): boolean
}

/** A request for a link that may be had. */
export interface LinkRequest {
  url: string
  key: string
  /** Where the agent is (see addressGroup). */
  address: string
}

/** Accepts links: WebSocket upgrades on the bare domain. */
export class ControlEndpoint {
  readonly #context: ControlContext
  readonly #sessions = new Map<string, AgentSession>()
  /** Links whose agent has not said a word yet. */
  readonly #silent = new Set<Link>()
  #draining = false

  readonly #elsewhere: Elsewhere | undefined

  constructor(context: ControlContext, elsewhere?: Elsewhere) {
    this.#context = context
    this.#elsewhere = elsewhere
  }

  /** For 'upgrade' of an HTTP server. Returns whether the connection is a link now; else it has been refused and ends. */
  readonly onUpgrade = (request: IncomingMessage, socket: Socket, head: Buffer): boolean => {
    socket.on('error', () => {})
    const path = (request.url ?? '').split('?', 1)[0]
    if (path !== LINK_PATH) {
      refuse(socket, 404, 'Not Found', 'TUN_ERR_NO_TUNNEL', `links are taken at ${LINK_PATH}`)
      return false
    }
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((protocol) => protocol.trim())
    if (!offered.includes(SUBPROTOCOL)) {
      const message = `this server speaks ${SUBPROTOCOL}, the agent offered ${printable(offered.join(', ')) || 'nothing'}`
      refuse(socket, 426, 'Upgrade Required', 'TUN_ERR_VERSION', message, 'Upgrade: websocket\r\n')
      return false
    }
    if (this.#draining) {
      refuse(socket, 503, 'Service Unavailable', 'TUN_ERR_DRAINING', 'this server is shutting down')
      return false
    }
    if (!isHandshake(request)) {
      refuse(socket, 400, 'Bad Request', 'TUN_ERR_BAD_REQUEST', 'this is not a WebSocket handshake')
      return false
    }
    const wanted: LinkRequest = {
      url: request.url ?? '',
      key: request.headers['sec-websocket-key']!,
      address: requesterOf(request, socket, this.#context.isTrusted),
    }
    // Until it is answered an agent says no more: there is nothing that could get lost between two processes.
    if (head.length === 0 && this.#elsewhere?.handOn(wanted, socket)) return true
    this.accept(wanted, socket, head)
    return true
  }

  /** Take a link that may be had. `head`: what came behind the request. */
  accept({ key, address }: LinkRequest, socket: Socket, head: Buffer): void {
    acceptHandshake({ headers: { 'sec-websocket-key': key } }, socket, SUBPROTOCOL)
    this.#greet(new WebSocketLink(socket, head, 'server'), address)
  }

  /** A link on which an agent comes back to one of our sessions, from another process. */
  takeBack(link: Link): void {
    this.#greet(link, '')
  }

  /** The first message on a link says whether a session begins or goes on. */
  #greet(link: Link, address: string): void {
    this.#silent.add(link)
    const timer = setTimeout(() => {
      link.handler = undefined
      settle()
      sendGoAway(link, new TunnelError('TUN_ERR_PROTOCOL', 'the agent did not say hello in time'))
    }, GREETING_DEADLINE_MS)
    const settle = () => {
      clearTimeout(timer)
      this.#silent.delete(link)
    }
    const onGreeting = (_: number, payload: Buffer, bytes: Buffer) => {
      settle()
      try {
        const message = parseToServer(parseControl(payload))
        if (message?.type === 'resume') this.#resume(link, message, bytes, FRAME_HEADER_BYTES + payload.length)
        else if (message?.type === 'hello') this.#begin(link, address, bytes)
        else throw new TunnelError('TUN_ERR_PROTOCOL', 'a link begins with hello or resume')
      } catch (error) {
        sendGoAway(link, TunnelError.from(error))
      }
    }
    readGreeting(link, onGreeting, settle)
  }

  #begin(link: Link, address: string, bytes: Buffer): void {
    const id = `${this.#elsewhere?.prefix ?? ''}${sessionId()}`
    const session = new AgentSession(id, address, this.#context, () => this.#sessions.delete(session.id))
    this.#sessions.set(session.id, session)
    session.start(link, bytes)
  }

  /** Whoever asks for a session that is over, has not its secret, or comes too late hears the same. */
  #resume(link: Link, message: Resume, bytes: Buffer, greetingBytes: number): void {
    const session = this.#sessions.get(message.session)
    if (session?.resume(link, message, bytes.subarray(greetingBytes))) return
    if (session === undefined && this.#elsewhere?.passOn(message.session, link, bytes)) return
    sendGoAway(link, new TunnelError('TUN_ERR_SESSION_CLOSED', 'the session is over'))
  }

  /** Take no links any more, and tell the agents: they go to whoever answers next, and serve what is open here until close(). */
  drain(): void {
    this.#draining = true
    for (const link of this.#silent) link.destroy()
    for (const session of this.#sessions.values()) session.drain()
  }

  /** End all sessions; the agents are told to come back. */
  close(): void {
    for (const { session } of [...this.#sessions.values()]) {
      session.close(new TunnelError('TUN_ERR_DRAINING', 'the server is shutting down'))
    }
  }
}

/**
 * The connection may be a proxy's, used for other hosts afterwards: a refusal always closes it.
 * `upgrade`: the line that a 426 must have (RFC 9110 section 15.5.22).
 */
function refuse(socket: Socket, status: number, reason: string, code: string, message: string, upgrade = ''): void {
  const body = `${message}\n`
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `X-Tunnel-Error: ${code}\r\n${upgrade}Connection: ${upgrade === '' ? 'close' : 'close, Upgrade'}\r\n\r\n${body}`,
  )
}

function printable(text: string): string {
  return text.slice(0, 80).replaceAll(/[^\x20-\x7e]/g, '?')
}
