import type { IncomingMessage } from 'node:http'
import {
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

const HANDSHAKE_DEADLINE_MS = 15_000

/**
 * One attempt to open a link. `query`: of the URL that is dialled; says to a server of several processes what the link is for. Calls exactly one of the two; errors carry TUN_ERR_CONNECT (try again), TUN_ERR_NOT_A_SERVER or what
 * the server refused with. Returns a function that gives up; then neither is called.
 */
export function openLink(
  serverUrl: string,
  query: string,
  onOpen: (link: Link) => void,
  onError: (error: TunnelError) => void,
): () => void {
  return openHandshake({
    url: serverUrl + LINK_PATH + query,
    protocol: SUBPROTOCOL,
    timeoutMs: HANDSHAKE_DEADLINE_MS,
    onOpen: (socket, head, url) => onOpen(new WebSocketLink(socket, head, roleOn(url))),
    onRefused: (response) => onError(refusal(serverUrl, response)),
    onError: (error) => onError(describe(serverUrl, error)),
  })
}

/**
 * Masking protects caches between a browser and a server (RFC 6455 section 10.3). Inside TLS, or without leaving the machine, nothing
 * can stand in between: a key of zeros saves touching every byte. See docs/decisions/002.
 */
function roleOn(url: string): WebSocketRole {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, '')) ? 'agent' : 'agentMasking'
}

function describe(serverUrl: string, error: Error): TunnelError {
  const { code } = error as NodeJS.ErrnoException
  const reasons: Record<string, string> = {
    ECONNREFUSED: 'nothing is listening there',
    ENOTFOUND: 'there is no such host',
    EAI_AGAIN: 'the name could not be looked up',
    ETIMEDOUT: 'it does not answer',
    ECONNRESET: 'it closed the connection',
  }
  // An error of several addresses has an empty message of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined
  const known = code ?? first?.code
  if (error instanceof TunnelError || /^HPE_/.test(known ?? '')) {
    return new TunnelError('TUN_ERR_NOT_A_SERVER', `${serverUrl} answers, but is not a tunnel-server`)
  }
  const reason = (known && reasons[known]) || error.message || 'unknown error'
  return new TunnelError('TUN_ERR_CONNECT', `cannot reach ${serverUrl}: ${reason}${known ? ` (${known})` : ''}`, {
    cause: error,
  })
}

/** The server, or whatever answers in its place, did not switch to WebSocket. */
function refusal(serverUrl: string, response: IncomingMessage): TunnelError {
  const status = response.statusCode ?? 0
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
  // A proxy whose server is being restarted answers with 5xx, one that is overloaded with 429.
  if (status >= 500 || status === 429) {
    return new TunnelError('TUN_ERR_CONNECT', `cannot reach ${serverUrl}: it answered ${status}`)
  }
  return new TunnelError('TUN_ERR_NOT_A_SERVER', `${serverUrl} answered ${status}, it is not a tunnel-server`)
}
