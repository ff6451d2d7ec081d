// The app behind the tunnel, in a process of its own. Prints its port.
import { createHash } from 'node:crypto'
import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { answerTo, Content } from './content.js'
import { Dialogue } from './dialogue.js'

/** An answer without Content-Length; its hash follows as a trailer. */
function download(response: ServerResponse, bytes: number): void {
  const content = new Content(bytes)
  const hash = createHash('sha256')
  response.writeHead(200, { Trailer: 'X-Sha256' })
  const send = () => {
    for (let part = content.next(); part !== undefined; part = content.next()) {
      hash.update(part)
      if (!response.write(part)) return
    }
    response.removeListener('drain', send)
    response.addTrailers({ 'X-Sha256': hash.digest('hex') })
    response.end()
  }
  response.on('drain', send)
  send()
}

function upload(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256')
  request.on('data', (part: Buffer) => hash.update(part))
  request.on('end', () => response.end(hash.digest('hex')))
}

function answer(request: IncomingMessage, response: ServerResponse, index: number): void {
  let bytes = 0
  request.on('data', (part: Buffer) => {
    bytes += part.length
  })
  request.on('end', () => response.end(answerTo(index, bytes)))
}

const server = http.createServer({ requestTimeout: 0, keepAliveTimeout: 600_000 }, (request, response) => {
  const [, what, count] = (request.url ?? '').split('/')
  if (what === 'download') download(response, Number(count))
  else if (what === 'upload') upload(request, response)
  else answer(request, response, Number(count))
})
const sockets = new WebSocketServer({ server, perMessageDeflate: false })
sockets.on('connection', (socket) => {
  const dialogue = new Dialogue(
    socket,
    (what) => socket.close(4_000, what),
    () => dialogue.end(),
  )
})
server.listen(0, '127.0.0.1', 4_096, () => console.log(`port ${(server.address() as AddressInfo).port}`))
