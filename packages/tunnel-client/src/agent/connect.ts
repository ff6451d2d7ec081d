import type { IncomingMessage } from 'node:http'
import {
  addressOf,
  type ErrorCode,
  errorTable,
  LINK_PATH,
  type Link,
  openHandshake,
  SUBPROTOCOL,
  TunnelError,
  WebSocketLink,
  type WebSocketRole,
} from 'tunnel-protocol'
import { isLoopback } from '../origin/target.js'
import { serverFailure, unexpectedAnswer } from '../outbound/failure.js'
import type { Outbound } from '../outbound/outbound.js'

const HANDSHAKE_DEADLINE_MS = 15_000

/**
 * One attempt to open a link. `query`: of the URL that is dialled; says to a server of several processes what the link is for. Calls exactly one of the two; errors carry TUN_ERR_CONNECT (try again), TUN_ERR_PROXY, TUN_ERR_NOT_A_SERVER or what
 * the server refused with. Returns a function that gives up; then neither is called.
 */
export type OpenLink = (
  serverUrl: string,
  query: string,
  onOpen: (link: Link) => void,
  onError: (error: TunnelError) => void,
) => () => void

/** Opens links over connections that leave as `outbound` says. */
export function linkOpener(outbound: Outbound): OpenLink {
  return (serverUrl, query, onOpen, onError) =>
    openHandshake({
      url: serverUrl + LINK_PATH + query,
      protocol: SUBPROTOCOL,
      timeoutMs: HANDSHAKE_DEADLINE_MS,
      connect: outbound.connect,
      onOpen: (socket, head, url) => onOpen(new WebSocketLink(socket, head, roleOn(new URL(url), outbound))),
      onRefused: (response) => onError(refusal(serverUrl, response)),
      onError: (error) => onError(serverFailure(serverUrl, error)),
    })
}

/**
 * Masking protects caches between a browser and a server (RFC 6455 section 10.3). Inside TLS, or without leaving the machine, nothing
 * can stand in between: a key of zeros saves touching every byte. See docs/decisions/002.
 */
function roleOn(url: URL, outbound: Outbound): WebSocketRole {
  const isLocal = isLoopback(addressOf(url).host) && outbound.proxyFor(url) === undefined
  return url.protocol === 'https:' || isLocal ? 'agent' : 'agentMasking'
}

/** The server, or whatever answers in its place, did not switch to WebSocket. */
function refusal(serverUrl: string, response: IncomingMessage): TunnelError {
  const code = response.headers['x-tunnel-error']
  if (typeof code === 'string' && Object.hasOwn(errorTable, code)) {
    const known = code as ErrorCode
    if (known === 'TUN_ERR_VERSION') {
      return new TunnelError(
        known,
        `${serverUrl} does not speak ${SUBPROTOCOL}: update the older of the two, server or agent`,
      )
    }
    if (errorTable[known].agent === 'stop') return new TunnelError(known, `${serverUrl} refused the connection`)
  }
  return unexpectedAnswer(serverUrl, response)
}
