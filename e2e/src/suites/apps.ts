import { type WebSocket, WebSocketServer } from 'ws'
import type { World } from '../support/world.js'

/** Answers every request with its body. */
export function echoApp(world: World): Promise<number> {
  return world.app((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const body = Buffer.concat(parts)
      response.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': body.length })
      response.end(body)
    })
  })
}

/** Answers every message with itself; speaks permessage-deflate. */
export function webSocketEchoApp(world: World): Promise<number> {
  // Without limits of its own: some suites send a message of 4 MiB in fragments of 64 bytes.
  const limits = { maxPayload: 64 << 20, maxFragments: 0, maxBufferedChunks: 0 }
  const echo = new WebSocketServer({ noServer: true, perMessageDeflate: true, ...limits })
  echo.on('connection', (socket: WebSocket) => {
    socket.on('error', () => {})
    socket.on('message', (data, binary) => socket.send(data, { binary }))
  })
  return world.app(
    (_, response) => void response.writeHead(426).end(),
    (request, socket, head) => echo.handleUpgrade(request, socket, head, (opened) => echo.emit('connection', opened)),
  )
}
