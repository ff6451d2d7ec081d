import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024
/** Once this much of our answers waits for a client that does not read, we stop reading from it. */
const MAX_UNSENT_BYTES = 1024 * 1024

/** The WebSocket echo: text comes back as `Echo: <text>`, binary comes back as it is. */
export class EchoServer {
  readonly #server = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, clientTracking: true })

  accept(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#server.handleUpgrade(request, socket, head, (client) => echo(client))
  }

  close(): void {
    for (const client of this.#server.clients) client.terminate()
    this.#server.close()
  }
}

function echo(client: WebSocket): void {
  client.binaryType = 'nodebuffer'
  const sent = () => {
    if (client.isPaused && client.bufferedAmount < MAX_UNSENT_BYTES) client.resume()
  }
  client.on('message', (data: Buffer, isBinary) => {
    client.send(isBinary ? data : `Echo: ${data.toString()}`, { binary: isBinary }, sent)
    if (client.bufferedAmount >= MAX_UNSENT_BYTES) client.pause()
  })
  // A broken frame or a lost connection ends this client only; ws closes it by itself.
  client.on('error', () => {})
}
