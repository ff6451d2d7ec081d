import { createServer, type Server, type ServerResponse } from 'node:http'
import { WebSocketServer } from 'ws'

const SMALL = Buffer.alloc(1_024, 'x')
const SMALL_HEADERS = ['Content-Type', 'text/plain', 'Content-Length', String(SMALL.length)]
const PART = Buffer.alloc(256 * 1_024, 'x')

/** Bytes of all uploads so far, and the app's own clock, which nothing on the way can bend. */
export interface Received {
  bytes: number
  ms: number
}

/** The app behind every target, as lean as node:http allows, so that it hides as little as possible. */
export function createApp(): Server {
  let received = 0
  const server = createServer(
    { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 600_000 },
    (request, response) => {
      response.sendDate = false
      const path = request.url ?? ''
      if (path === '/1k') {
        response.writeHead(200, SMALL_HEADERS).end(SMALL)
      } else if (path.startsWith('/download/')) {
        sendBytes(response, Number(path.slice('/download/'.length)))
      } else if (path === '/upload') {
        let bytes = 0
        request.on('data', (part: Buffer) => {
          bytes += part.length
          received += part.length
        })
        request.on('end', () => response.end(String(bytes)))
      } else if (path === '/received') {
        response.end(JSON.stringify({ bytes: received, ms: performance.now() } satisfies Received))
      } else response.writeHead(404).end()
    },
  )

  const sockets = new WebSocketServer({ server, path: '/echo', maxPayload: 1 << 24, skipUTF8Validation: true })
  sockets.on('connection', (socket) => {
    socket.on('message', (message, binary) => socket.send(message, { binary }))
    socket.on('error', () => {})
  })
  return server
}

function sendBytes(response: ServerResponse, bytes: number): void {
  response.writeHead(200, ['Content-Type', 'application/octet-stream', 'Content-Length', String(bytes)])
  let left = bytes
  const send = () => {
    while (left > 0) {
      const part = left < PART.length ? PART.subarray(0, left) : PART
      left -= part.length
      if (!response.write(part)) return
    }
    response.end()
  }
  response.on('drain', send)
  send()
}
