import net, { type Socket } from 'node:net'
import type { World } from './world.js'

/** What an agent dials instead of the server: passes bytes on, until a test cuts the connection or lets it fall silent. */
export class Cutter {
  /** For TUNNEL_SERVER. */
  url = ''
  /** Connections so far. */
  count = 0
  /** Bytes that the server has sent. */
  fromServer = 0
  readonly #pairs = new Set<[Socket, Socket]>()
  /** While true, nothing gets through to the server. */
  closed = false

  static async start(world: World): Promise<Cutter> {
    const cutter = new Cutter()
    const server = net.createServer((agent) => cutter.#join(agent, world.port))
    cutter.url = `http://localhost:${await world.listen(server)}`
    world.onLeave(async () => cutter.cut())
    return cutter
  }

  /** Both ends learn of it: their connections are reset. */
  cut(): void {
    for (const [agent, server] of this.#pairs) {
      agent.resetAndDestroy()
      server.resetAndDestroy()
    }
    this.#pairs.clear()
  }

  /** Neither end learns of it: from now on the connections there are carry nothing. */
  silence(): void {
    for (const pair of this.#pairs) {
      for (const end of pair) {
        end.removeAllListeners('data')
        end.removeAllListeners('close')
        end.pause()
      }
    }
    this.#pairs.clear()
  }

  #join(agent: Socket, port: number): void {
    if (this.closed) {
      agent.destroy()
      return
    }
    this.count++
    const server = net.connect(port, '127.0.0.1')
    this.#pairs.add([agent, server])
    for (const [from, to] of [
      [agent, server],
      [server, agent],
    ] as const) {
      from.setNoDelay(true)
      from.on('data', (bytes: Buffer) => {
        if (from === server) this.fromServer += bytes.length
        if (to.write(bytes)) return
        from.pause()
        to.once('drain', () => from.resume())
      })
      from.on('error', () => {})
      from.on('close', () => to.destroy())
    }
  }
}
