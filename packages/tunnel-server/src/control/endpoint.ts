import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { customAlphabet } from 'nanoid'
import {
  acceptHandshake,
  isHandshake,
  LINK_PATH,
  provenance,
  SUBPROTOCOL,
  TunnelError,
  WebSocketLink,
} from 'tunnel-protocol'
import { addressGroup } from '../policy/address-group.js'
import { AgentSession, type ControlContext } from './agent-session.js'

const sessionId = customAlphabet('abcdefghijkmnpqrstuvwxyz23456789', 10)

/** Accepts links: WebSocket upgrades on the bare domain. */
export class ControlEndpoint {
  readonly #context: ControlContext
  readonly #sessions = new Set<AgentSession>()
  constructor(context: ControlContext) {
    this.#context = context
  }

  get sessionCount(): number {
    return this.#sessions.size
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
    if (!isHandshake(request)) {
      refuse(socket, 400, 'Bad Request', 'TUN_ERR_BAD_REQUEST', 'this is not a WebSocket handshake')
      return false
    }
    acceptHandshake(request, socket, SUBPROTOCOL)
    const link = new WebSocketLink(socket, head, 'server')
    const address = addressGroup(this.#addressOf(request, socket))
    const session = new AgentSession(sessionId(), link, address, this.#context, (ended) => this.#sessions.delete(ended))
    this.#sessions.add(session)
    return true
  }

  /** Where the agent is: behind trusted proxies, where they say. */
  #addressOf(request: IncomingMessage, socket: Socket): string {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    const { isTrusted } = this.#context
    const peer = { address, proto: 'http' as const, port: 0, trusted: isTrusted(address), isTrusted }
    const field = (name: string) => request.headers[name]?.toString()
    return provenance(
      {
        host: undefined,
        forwardedFor: field('x-forwarded-for'),
        forwarded: field('forwarded'),
        forwardedProto: undefined,
        forwardedHost: undefined,
        forwardedPort: undefined,
      },
      peer,
    ).visitor
  }

  /** End all sessions; the agents are told to come back. */
  close(): void {
    for (const { session } of this.#sessions) {
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
