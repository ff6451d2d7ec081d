import { isIP, type Socket } from 'node:net'
import tls, { type SecureContext } from 'node:tls'
import { readingSocket } from './reading-socket.js'

/** Of a link's socket, as on the server's side. */
const SOCKET_OPTIONS = { highWaterMark: 64 * 1024 }

/**
 * Opens a connection to where `url` leads, over TLS for `https:`. Calls exactly one of the two, at once or later; the socket may still be connecting.
 * Returns a function that gives up; then neither is called.
 */
export type Connect = (url: URL, onSocket: (socket: Socket) => void, onError: (error: Error) => void) => () => void

export interface ConnectOptions {
  /** A connection that leads there already, as through a proxy. Default: a new one. */
  through?: Socket | undefined
  /** Whose certificates are trusted. Default: those that Node trusts. */
  secureContext?: SecureContext | undefined
}

/** A connection to where `url` leads, over TLS for `https:`. It may still be connecting. */
export function connectTo(url: URL, { through, secureContext }: ConnectOptions = {}): Socket {
  const { host, port } = addressOf(url)
  if (url.protocol !== 'https:') return through ?? readingSocket(SOCKET_OPTIONS).connect(port, host)
  return tls.connect({
    ...(through === undefined ? { port } : { socket: through }),
    ...(secureContext === undefined ? {} : { secureContext }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    host,
    ALPNProtocols: ['http/1.1'],
  })
}

/** Host, without brackets, and port of an `http:` or `https:` URL. */
export function addressOf(url: URL): { host: string; port: number } {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}
