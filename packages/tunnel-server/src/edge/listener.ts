import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { withReadBuffer } from 'tunnel-protocol'
import { Admission } from './admission.js'
import type { EdgeSettings } from './context.js'
import { Gates } from './gate/gates.js'
import { type PortOptions, Ports, SOCKET_OPTIONS } from './ports.js'
import { secure } from './secure.js'
import { type EdgeContext, VisitorConnection } from './visitor.js'

export interface EdgeOptions extends EdgeSettings {
  /** Certificate and key; undefined: visitors speak plain HTTP. */
  certificate: SecureContext | undefined
  isTrusted(address: string): boolean
}

const SWEEP_MS = 1_000
/** How long ended connections are given to close before they are cut: a bit more than each gives its visitor. */
const EVICTION_MS = 3_000

/** Owns the connections of visitors, and their deadlines. */
export class EdgeListener implements EdgeContext {
  readonly settings: EdgeSettings
  readonly gates: Gates
  readonly admission: Admission
  readonly isTrusted: (address: string) => boolean
  clock = Date.now()
  draining = false
  readonly #connections = new Set<VisitorConnection>()
  /** Connections whose TLS handshake is not done. */
  readonly #handshakes = new Set<Socket>()
  /** For connections from now on. */
  certificate: SecureContext | undefined
  #ports: Ports | undefined
  readonly #sweep = setInterval(() => this.#sweepConnections(), SWEEP_MS).unref()
  #onIdle: (() => void) | undefined

  constructor(options: EdgeOptions) {
    this.settings = options
    this.certificate = options.certificate
    this.isTrusted = options.isTrusted
    this.gates = new Gates(options)
    this.admission = new Admission(options.limits)
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** Returns the port. Throws TUN_ERR_OPTION when it can't be had, saying why. */
  async listen(ports: PortOptions): Promise<number> {
    this.#ports = new Ports(ports, (socket) => this.take(socket))
    try {
      return await this.#ports.listen()
    } catch (error) {
      clearInterval(this.#sweep)
      throw error
    }
  }

  closed(connection: VisitorConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#onIdle?.()
  }

  /** Take no new connections and let open exchanges end, for up to `ms`. Other processes that share a listening socket keep it. */
  async drain(ms: number): Promise<void> {
    this.draining = true
    this.clock = Date.now()
    this.#ports?.close()
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
    const closed = this.#ports?.closed()
    for (const connection of this.#connections) connection.socket.destroy()
    for (const socket of this.#handshakes) socket.destroy()
    await closed
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

  /** A visitor has connected. */
  take(transport: Socket): void {
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
  }
}
