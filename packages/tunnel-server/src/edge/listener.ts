import net, { type Server, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { TunnelError, withReadBuffer } from 'tunnel-protocol'
import { Admission } from './admission.js'
import { secure } from './secure.js'
import { type EdgeContext, type EdgeSettings, VisitorConnection } from './visitor.js'

export interface EdgeOptions extends EdgeSettings {
  port: number
  /** Addresses to listen on; empty: loopback for the domain localhost, else all. */
  host: string[]
  /** File descriptors of sockets that listen already, in place of port and host. */
  inherited: number[]
  /** Certificate and key; undefined: visitors speak plain HTTP. */
  certificate: SecureContext | undefined
  isTrusted(address: string): boolean
}

const SWEEP_MS = 1_000
/** Idle time after which the kernel asks whether the visitor's machine is still there. */
const KEEPALIVE_PROBE_MS = 60_000
/** Socket buffers: large enough that a bulk read is one read, small enough that a visitor who stops reading costs little. */
const HIGH_WATER_BYTES = 64 * 1024
const SOCKET_OPTIONS = { allowHalfOpen: true, highWaterMark: HIGH_WATER_BYTES }

/** How long ended connections are given to close before they are cut: a bit more than each gives its visitor. */
const EVICTION_MS = 3_000

/** The public port: accepts visitors, and owns their connections and deadlines. */
export class EdgeListener implements EdgeContext {
  readonly settings: EdgeSettings
  readonly admission: Admission
  readonly isTrusted: (address: string) => boolean
  clock = Date.now()
  draining = false
  readonly #options: EdgeOptions
  readonly #connections = new Set<VisitorConnection>()
  /** Connections whose TLS handshake is not done. */
  readonly #handshakes = new Set<Socket>()
  /** For connections from now on. */
  certificate: SecureContext | undefined
  #servers: Server[] = []
  #sweep: NodeJS.Timeout | undefined
  #onIdle: (() => void) | undefined

  constructor(options: EdgeOptions) {
    this.#options = options
    this.settings = options
    this.certificate = options.certificate
    this.isTrusted = options.isTrusted
    this.admission = new Admission(options.limits)
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Returns the port. Throws TUN_ERR_OPTION when it can't be had, saying why. */
  async listen(): Promise<number> {
    this.#sweep = setInterval(() => this.#sweepConnections(), SWEEP_MS)
    this.#sweep.unref()
    const { inherited } = this.#options
    if (inherited.length === 0) return this.#listenOnAddresses()
    const ports: number[] = []
    for (const fd of inherited) {
      try {
        ports.push(await this.#listenOn({ fd }))
      } catch (error) {
        await this.close()
        const { code, message } = error as NodeJS.ErrnoException
        throw new TunnelError(
          'TUN_ERR_OPTION',
          `LISTEN_FDS: file descriptor ${fd} is no TCP socket that listens (${code ?? message})`,
        )
      }
    }
    return ports[0]!
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
          await this.close()
          throw new TunnelError('TUN_ERR_OPTION', listenFailure(address, port, code))
        }
      }
    }
    return port
  }

  closed(connection: VisitorConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#onIdle?.()
  }

  /** Take no new connections and let open exchanges end, for up to `ms`. Other processes that share a listening socket keep it. */
  async drain(ms: number): Promise<void> {
    this.draining = true
    this.clock = Date.now()
    for (const server of this.#servers) server.close()
    for (const connection of this.#connections) connection.drain()
    await this.#untilIdle(ms)
  }

  /** End what is open, saying why as far as that can be said, and give it a moment to close. */
  async evict(): Promise<void> {
    for (const connection of this.#connections) connection.evict()
    await this.#untilIdle(EVICTION_MS)
  }

  /** Cut what is left. Resolves when no connection is open any more, those handed over included. */
  async close(): Promise<void> {
    clearInterval(this.#sweep)
    const closed = this.#servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())))
    for (const connection of this.#connections) connection.socket.destroy()
    for (const socket of this.#handshakes) socket.destroy()
    this.#servers = []
    await Promise.all(closed)
  }

  /** Resolves when no connection is open, or after `ms`. */
  async #untilIdle(ms: number): Promise<void> {
    if (this.#connections.size === 0 || ms === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#onIdle = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#onIdle = undefined
  }

  #listenOn(where: { host: string; port: number } | { fd: number }): Promise<number> {
    const server = net.createServer(
      {
        ...SOCKET_OPTIONS,
        noDelay: true,
        // A visitor that vanished without a word, and to whom nothing is sent, is only ever noticed by asking.
        keepAlive: true,
        keepAliveInitialDelay: KEEPALIVE_PROBE_MS,
      },
      (socket) => this.#accept(socket),
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

  #accept(transport: Socket): void {
    if (this.certificate === undefined) {
      const socket = withReadBuffer(transport, SOCKET_OPTIONS)
      this.#connections.add(new VisitorConnection(socket, this))
      return
    }
    const forget = () => this.#handshakes.delete(transport)
    this.#handshakes.add(transport)
    transport.once('close', forget)
    secure(transport, this.certificate, this.settings.limits.headTimeoutMs, (socket) => {
      forget()
      transport.removeListener('close', forget)
      this.#connections.add(new VisitorConnection(socket, this))
    })
  }

  #sweepConnections(): void {
    this.clock = Date.now()
    for (const connection of this.#connections) connection.check(this.clock)
    this.settings.registry.sweep()
  }
}

function listenFailure(address: string, port: number, code: string | undefined): string {
  if (code === 'EADDRINUSE')
    return `port ${port} on ${address} is in use: stop what listens there, or choose another with --port`
  if (code === 'EACCES') return `port ${port} on ${address} needs more rights: choose one from 1024 on with --port`
  return `cannot listen on ${address} port ${port} (${code ?? 'unknown error'})`
}
