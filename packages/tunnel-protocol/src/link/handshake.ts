import { createHash, randomBytes } from 'node:crypto'
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { TunnelError } from '../errors.js'
import { type Connect, connectTo } from './connect.js'

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const MAX_REDIRECTS = 3

function acceptValue(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

/** Server side: is this request a WebSocket opening handshake (RFC 6455 section 4.2.1)? */
export function isHandshake(request: IncomingMessage): boolean {
  const { headers } = request
  return (
    request.method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  )
}

/** Server side: accept the handshake, choosing `protocol`. */
export function acceptHandshake(request: Pick<IncomingMessage, 'headers'>, socket: Socket, protocol: string): void {
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${acceptValue(request.headers['sec-websocket-key']!)}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`,
  )
}

export interface HandshakeOptions {
  /** `http:` or `https:`, as a WebSocket is an HTTP request first. */
  url: string
  protocol: string
  /** For the whole handshake, in milliseconds. */
  timeoutMs: number
  /** How connections are opened. Default: straight, to whom Node trusts. */
  connect?: Connect
  /** `url`: where redirects led. */
  onOpen(socket: Socket, head: Buffer, url: string): void
  /** The server answered something other than a switch to `protocol`. */
  onRefused(response: IncomingMessage): void
  onError(error: Error): void
}

/** Agent side: open a WebSocket. Calls exactly one of the three; follows up to 3 redirects on one host. Returns a function that gives up. */
export function openHandshake(options: HandshakeOptions): () => void {
  const connect = options.connect ?? connectStraight
  let over = false
  let stopConnecting = () => {}
  let current: http.ClientRequest | undefined
  const settle = (report: () => void) => {
    if (over) return
    over = true
    clearTimeout(timer)
    report()
  }
  const drop = () => {
    stopConnecting()
    current?.destroy()
  }
  const fail = (error: Error) => {
    settle(() => options.onError(error))
    drop()
  }
  const timer = setTimeout(() => {
    fail(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }))
  }, options.timeoutMs)

  const attempt = (url: string, redirects: number) => {
    stopConnecting = connect(new URL(url), (socket) => ask(url, socket, redirects), fail)
  }
  const ask = (url: string, connection: Socket, redirects: number) => {
    const key = randomBytes(16).toString('base64')
    const request = (url.startsWith('https:') ? https : http).request(url, {
      createConnection: () => connection,
      headers: {
        // Without an agent node:http knows no default port, and would name it.
        Host: new URL(url).host,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': key,
        'Sec-WebSocket-Protocol': options.protocol,
      },
    })
    current = request
    request.on('error', fail)
    request.on('upgrade', (response, socket, head) => {
      const { headers } = response
      if (
        headers['sec-websocket-accept'] !== acceptValue(key) ||
        headers['sec-websocket-protocol'] !== options.protocol
      ) {
        fail(new TunnelError('TUN_ERR_NOT_A_SERVER', 'it switched to something else'))
        socket.destroy()
      } else if (over) {
        socket.destroy()
      } else {
        settle(() => options.onOpen(socket as Socket, head, url))
      }
    })
    request.on('response', (response) => {
      response.on('error', () => {})
      const target = redirectTarget(response, url)
      if (target !== undefined && redirects < MAX_REDIRECTS && !over) {
        response.resume()
        request.removeListener('error', fail).on('error', () => {})
        request.destroy()
        attempt(target, redirects + 1)
        return
      }
      settle(() => options.onRefused(response))
      request.removeListener('error', fail).on('error', () => {})
      request.destroy()
    })
    request.end()
  }
  attempt(options.url, 0)
  return () => {
    over = true
    clearTimeout(timer)
    drop()
  }
}

const connectStraight: Connect = (url, onSocket) => {
  const socket = connectTo(url)
  onSocket(socket)
  return () => socket.destroy()
}

function redirectTarget(response: IncomingMessage, from: string): string | undefined {
  const { location } = response.headers
  if (![301, 302, 307, 308].includes(response.statusCode ?? 0) || location === undefined) return undefined
  if (!URL.canParse(location, from)) return undefined
  const url = new URL(location, from)
  // The token will follow: never to another host, and never from TLS to clear text.
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && from.startsWith('http:'))
  return isSafe && url.hostname === new URL(from).hostname ? url.href : undefined
}
