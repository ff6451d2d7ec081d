import net, { type Server, type Socket } from 'node:net'
import { TunnelError } from 'tunnel-protocol'

export interface PortOptions {
  domain: string
  /** 0: any free one. */
  port: number
  /** Addresses to listen on; empty: loopback for the domain localhost, else all. */
  host: string[]
  /** File descriptors of sockets that listen already, in place of port and host. */
  inherited: number[]
}

/** Idle time after which the kernel asks whether the visitor's machine is still there. */
const KEEPALIVE_PROBE_MS = 60_000
/** Socket buffers: large enough that a bulk read is one read, small enough that a visitor who stops reading costs little. */
const HIGH_WATER_BYTES = 64 * 1024
export const SOCKET_OPTIONS = { allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES }

/** The listening sockets of a server. */
export class Ports {
  readonly #options: PortOptions
  readonly #onConnection: (socket: Socket) => void
  /** Read nothing of a connection: another process will. */
  readonly #paused: boolean
  #servers: Server[] = []

  constructor(options: PortOptions, onConnection: (socket: Socket) => void, paused = false) {
    this.#options = options
    this.#onConnection = onConnection
    this.#paused = paused
  }

  /** Returns the port. Throws TUN_ERR_OPTION when it can't be had, saying why. */
  async listen(): Promise<number> {
    const { inherited } = this.#options
    if (inherited.length === 0) return this.#listenOnAddresses()
    const ports: number[] = []
    for (const fd of inherited) {
      try {
        ports.push(await this.#listenOn({ fd }))
      } catch (error) {
        await this.closed()
        const { code, message } = error as NodeJS.ErrnoException
        throw new TunnelError(
          'TUN_ERR_OPTION',
          `LISTEN_FDS: file descriptor ${fd} is no TCP socket that listens (${code ?? message})`,
        )
      }
    }
    return ports[0]!
  }

  /** Take no new connections. Other processes that share a listening socket keep it. */
  close(): void {
    for (const server of this.#servers) server.close()
  }

  /** The same; resolves when no connection is open any more. */
  async closed(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    this.#servers = []
    await Promise.all(closed)
  }

  async #listenOnAddresses(): Promise<number> {
    const { host, domain } = this.#options
    let port = this.#options.port
    const hosts = host.length > 0 ? host : domain === 'localhost' ? ['127.0.0.1', '::1'] : ['::']
    for (const [index, address] of hosts.entries()) {
      try {
        port = await this.#listenOn({ host: address, port })
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        const noIpv6 = code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'
        if (noIpv6 && host.length === 0 && address === '::') port = await this.#listenOn({ host: '0.0.0.0', port })
        else if (!(noIpv6 && host.length === 0 && index > 0)) {
          await this.closed()
          throw new TunnelError('TUN_ERR_OPTION', listenFailure(address, port, code))
        }
      }
    }
    return port
  }

  #listenOn(where: { host: string; port: number } | { fd: number }): Promise<number> {
    const server = net.createServer(
      {
        ...SOCKET_OPTIONS,
        noDelay: true,
        // A visitor that vanished without a word, and to whom nothing is sent, is only ever noticed by asking.
        keepAlive: true,
        keepAliveInitialDelay: KEEPALIVE_PROBE_MS,
        pauseOnConnect: this.#paused,
      },
      this.#onConnection,
    )
    return new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen({ ...where, backlog: 2_048 }, () => {
        server.removeListener('error', reject)
        server.on('error', () => {}) // e.g. EMFILE on accept: the connection is lost, the server goes on
        this.#servers.push(server)
        const address = server.address()
        if (typeof address === 'object' && address !== null) resolve(address.port)
        else reject(new Error('a Unix socket'))
      })
    })
  }
}

function listenFailure(address: string, port: number, code: string | undefined): string {
  if (code === 'EADDRINUSE')
    return `port ${port} on ${address} is in use: stop what listens there, or choose another with --port`
  if (code === 'EACCES') return `port ${port} on ${address} needs more rights: choose one from 1024 on with --port`
  return `cannot listen on ${address} port ${port} (${code ?? 'unknown error'})`
}
