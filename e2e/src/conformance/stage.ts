import net, { type Socket } from 'node:net'
import type { World } from '../support/world.js'
import { NAME } from './messages.js'
import { Play, type Step } from './play.js'

/** What is between visitor and app: nothing but TCP, or the real server and the real agent. */
export type Route = 'direct' | 'tunnel'

/** Where plays are performed, one after the other. */
export class Stage {
  readonly route: Route
  /** Where the visitor connects. */
  readonly port: number
  /** Who takes the app's next connections. */
  onConnection: (socket: Socket) => void = (socket) => socket.destroy()

  private constructor(route: Route, port: number) {
    this.route = route
    this.port = port
  }

  /** Both stages, in front of the same app. They end with the world. */
  static async both(world: World): Promise<Record<Route, Stage>> {
    let current: Stage
    const app = net.createServer({ allowHalfOpen: true }, (socket) => current.onConnection(socket))
    const port = await world.listen(app)
    // Without it the agent looks whether an app that broke off is still there, on a connection that no case expects.
    await world.agent(NAME, port, { args: ['--wait-for-origin', '0'] })
    const stage = (route: Route, at: number) => {
      const made = new Stage(route, at)
      made.#enter = () => {
        current = made
      }
      return made
    }
    return { direct: stage('direct', port), tunnel: stage('tunnel', world.port) }
  }

  #enter = () => {}

  /** The lines that the edge adds to a request with this Host. */
  forwarding(host: string): string {
    const port = /:([0-9]+)$/.exec(host)?.[1] ?? this.port
    return (
      `X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: ${host}\r\n` +
      `X-Forwarded-Port: ${port}\r\nForwarded: for=127.0.0.1;host="${host}";proto=http\r\n`
    )
  }

  /** Act out `steps`; `whole` as in Play. */
  async perform(steps: Step[], whole = false): Promise<void> {
    this.#enter()
    await new Play(this, whole).run(steps)
  }
}
