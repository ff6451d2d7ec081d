import net, { isIP, type Socket } from 'node:net'
import tls from 'node:tls'
import { readingSocket } from 'tunnel-protocol'
import type { OriginTrust } from './trust.js'

/** Socket buffer, as on the server's side. */
const HIGH_WATER_BYTES = 64 * 1024
const options = { allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES }

/** Where a connection goes: an address, or the path of a Unix socket. */
export type Way = { host: string; port: number } | { path: string }

/** A connection to the origin that is being opened. */
export interface Opening {
  /** What the exchange talks to. */
  socket: Socket
  /** What connects: the same, or what is below TLS. */
  transport: Socket
}

/**
 * Open a connection. `connect` or, with `trust`, `secureConnect` follows on `socket`, or `error`. However it is made, the
 * socket says `end` only to what the app meant as one as far as that can be told, and has resetAndDestroy().
 */
export function openSocket(way: Way, trust: OriginTrust | undefined): Opening {
  const transport = trust === undefined ? readingSocket(options) : new net.Socket(options)
  if ('path' in way) transport.resetAndDestroy = () => transport.destroy() // Unix sockets know no reset
  const socket = trust === undefined ? transport : overTls(transport, trust)
  // Not as an option of connect: Node heeds it there only for a socket that net.connect has made itself.
  transport.setNoDelay(true)
  transport.connect(way)
  return { socket, transport }
}

/**
 * TLS over a transport that has not begun to connect. In TLS a stream is complete when close_notify has come. Node takes the
 * bare end of the connection for the same thing, and anybody on the way can make that: here it destroys the socket with an
 * error, after all that came before was read.
 */
function overTls(transport: Socket, trust: OriginTrust): Socket {
  let saidGoodbye = false
  let cut = false
  // Before the listener of TLS, which passes the end on.
  transport.once('end', () => {
    cut = !saidGoodbye
  })
  const { serverName, verify, context } = trust
  const secure = tls.connect({
    ...options,
    socket: transport,
    secureContext: context,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    checkServerIdentity: (_, certificate) => tls.checkServerIdentity(serverName, certificate),
    rejectUnauthorized: verify,
  })
  // Over a transport of its own TLS may report two errors, and the second would have no listener when the first was heard once.
  secure.on('error', () => {})
  const { push } = secure
  secure.push = (chunk, encoding) => {
    if (chunk === null) saidGoodbye = true
    return push.call(secure, chunk, encoding)
  }
  secure.once('end', () => {
    if (cut) secure.destroy(new Error('the connection was closed without close_notify'))
  })
  secure.resetAndDestroy = () => {
    transport.resetAndDestroy()
    return secure.destroy()
  }
  return secure
}
