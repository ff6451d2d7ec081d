import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { WebSocket, WebSocketServer } from 'ws'
import { readAll } from './visitor.js'
import type { World } from './world.js'

/** An app that remembers all that reaches it; answers `hello`, and echoes what comes over WebSockets. */
export class Witness {
  /** Of each request all there is: its line, its fields as they came, its body. */
  readonly seen: string[] = []
  port = 0

  static async start(world: World): Promise<Witness> {
    const witness = new Witness()
    const sockets = new WebSocketServer({ noServer: true })
    world.onLeave(async () => void sockets.close())
    witness.port = await world.app(
      (request, response) => {
        readAll(request).then(
          (body) => {
            witness.#note(request, body.toString('latin1'))
            response.setHeader('set-cookie', ['app=1', 'tunnel-pass=of-the-app', '__Host-tunnel-pass=of-the-app'])
            response.end('hello')
          },
          () => {},
        )
      },
      (request: IncomingMessage, socket: Socket, head: Buffer) => {
        witness.#note(request, '')
        sockets.handleUpgrade(request, socket, head, (opened) => {
          opened.on('message', (message) => opened.send(message))
        })
      },
    )
    return witness
  }

  /** What was asked for, in order. */
  get paths(): string[] {
    return this.seen.map((text) => text.split(' ')[1]!)
  }

  #note({ method, url, rawHeaders }: IncomingMessage, body: string): void {
    this.seen.push(`${method} ${url} ${JSON.stringify(rawHeaders)} ${body}`)
  }
}

/** Ask for a WebSocket. Returns the status, 101 where it was opened and has echoed. */
export async function upgrade(
  world: World,
  name: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}${path}`, {
    headers: { host: `${name}.localhost:${world.port}`, ...headers },
  })
  world.onLeave(async () => socket.terminate())
  socket.on('error', () => {})
  return new Promise((resolve) => {
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      response.resume()
      resolve(response.statusCode!)
    })
    socket.once('open', async () => {
      const echoed = once(socket, 'message')
      socket.send('hello')
      await echoed
      resolve(101)
    })
  })
}
