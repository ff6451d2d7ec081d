import { Line } from 'tunnel-bench/links/line'
import type { World } from './world.js'

/** A line to the server of a world, for agents to dial. */
export class Cutter extends Line {
  /** For TUNNEL_SERVER. */
  url = ''

  static async start(world: World): Promise<Cutter> {
    const cutter = new Cutter(world.port)
    cutter.url = `http://localhost:${await cutter.listen()}`
    world.onLeave(() => cutter.close())
    return cutter
  }
}
