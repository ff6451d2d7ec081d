import net, { type Server, type Socket } from 'node:net'
import { TunnelError } from 'tunnel-protocol'

const LOOPBACK = '127.0.0.1'
/** A connection that nobody here has opened is cut after so many milliseconds. */
const STRANGER_MS = 1_000

/**
 * Makes connections both ends of which are ours, to be given to two other processes. They go over loopback, since Node has no socket pairs: what comes from an
 * address and port that are not ours is somebody else's, and cut.
 */
export class Pairs {
  readonly #server: Server
  #port = 0
  /** Port of the one end to who waits for the other. */
  readonly #awaited = new Map<number, (far: Socket) => void>()
  /** Ends that came before the one that opened them has noticed, each with how many had been opened by then. */
  readonly #early = new Map<number, { far: Socket; opened: number }>()
  #opened = 0

  constructor() {
    this.#server = net.createServer({ pauseOnConnect: true, noDelay: true }, (far) => this.#onConnection(far))
  }

  /** Returns the port. Throws TUN_ERR_OPTION. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, LOOPBACK, resolve)
    }).catch((error: NodeJS.ErrnoException) => {
      throw new TunnelError('TUN_ERR_OPTION', `workers need the loopback interface (${LOOPBACK}): ${error.code}`)
    })
    this.#server.on('error', () => {})
    this.#port = (this.#server.address() as net.AddressInfo).port
    return this.#port
  }

  /** `then` gets both ends, of which nothing is read; nothing where there are no more open files. */
  make(then: (near: Socket, far: Socket) => void): void {
    const number = ++this.#opened
    const near = net.connect({ port: this.#port, host: LOOPBACK, noDelay: true })
    near.pause()
    near.on('error', () => {})
    near.once('connect', () => {
      const port = near.localPort!
      const early = this.#early.get(port)
      this.#early.delete(port)
      // One that is older than ours was a stranger's, who had the port before.
      if (early !== undefined && early.opened >= number) then(near, early.far)
      else this.#awaited.set(port, (far) => then(near, far))
    })
  }

  close(): void {
    this.#server.close()
  }

  #onConnection(far: Socket): void {
    const { remoteAddress, remotePort: port } = far
    far.on('error', () => {})
    if (port === undefined || remoteAddress !== LOOPBACK) {
      far.destroy()
      return
    }
    const awaited = this.#awaited.get(port)
    this.#awaited.delete(port)
    if (awaited !== undefined) {
      awaited(far)
      return
    }
    this.#early.set(port, { far, opened: this.#opened })
    setTimeout(() => {
      if (this.#early.get(port)?.far !== far) return
      this.#early.delete(port)
      far.destroy()
    }, STRANGER_MS).unref()
  }
}
