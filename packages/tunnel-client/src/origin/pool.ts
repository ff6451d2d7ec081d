import type { Socket } from 'node:net'
import { HeadReader, Outlet, type TunnelError } from 'tunnel-protocol'
import type { PatientDialer } from './patient-dialer.js'

/** Who uses a connection right now. */
export interface ConnectionUser {
  onOriginData(chunk: Buffer): void
  onOriginEnd(): void
  /** `error` is undefined after an orderly close. */
  onOriginClose(error: Error | undefined): void
}

/** Largest response head accepted from an origin, in bytes. */
const MAX_HEAD_BYTES = 256 * 1024 - 1024
/** How long a connection is kept idle where the origin does not say (Keep-Alive: timeout=). Origins close after 2 s and more. */
const DEFAULT_IDLE_MS = 1_500
const MAX_IDLE_MS = 30_000
const SWEEP_MS = 500

/** One connection to the origin. Its listeners are bound once and point at whoever uses it. */
export class OriginConnection {
  readonly socket: Socket
  readonly heads = new HeadReader(MAX_HEAD_BYTES)
  readonly outlet: Outlet
  user: ConnectionUser | undefined
  /** It has carried an exchange before: the origin may be closing it at this moment. */
  reused = false
  /** When it is too old to be used again, in milliseconds since the epoch. */
  idleEnds = 0
  #error: Error | undefined

  constructor(socket: Socket, pool: OriginPool) {
    this.socket = socket
    this.outlet = new Outlet(socket)
    socket.on('data', (chunk: Buffer) => {
      if (this.user === undefined)
        socket.destroy() // an answer to nothing
      else this.user.onOriginData(chunk)
    })
    socket.on('drain', () => this.outlet.drained())
    socket.on('end', () => {
      if (this.user === undefined) socket.destroy()
      else this.user.onOriginEnd()
    })
    socket.on('error', (error) => {
      this.#error = error
    })
    socket.on('close', () => {
      pool.forget(this)
      const user = this.user
      this.user = undefined
      user?.onOriginClose(this.#error)
    })
  }
}

/** Keep-alive connections to one origin. Nothing is opened before a request needs it. */
export class OriginPool {
  readonly #dialer: PatientDialer
  readonly #all = new Set<OriginConnection>()
  #idle: OriginConnection[] = []
  #sweep: NodeJS.Timeout | undefined

  constructor(dialer: PatientDialer) {
    this.#dialer = dialer
  }

  get size(): number {
    return this.#all.size
  }

  /** The idle connection used last, if there is one. */
  takeIdle(): OriginConnection | undefined {
    const now = Date.now()
    while (true) {
      const connection = this.#idle.pop()
      if (connection === undefined) return undefined
      if (connection.idleEnds > now && !connection.socket.destroyed) return connection
      connection.socket.destroy()
    }
  }

  /** Open a connection, with callbacks and `broken` as in PatientDialer. Returns a function that gives up. */
  open(
    onConnected: (connection: OriginConnection) => void,
    onError: (error: TunnelError) => void,
    broken?: TunnelError,
  ): () => void {
    return this.#dialer.dial(
      (socket) => {
        const connection = new OriginConnection(socket, this)
        this.#all.add(connection)
        onConnected(connection)
      },
      onError,
      broken,
    )
  }

  /** Keep a connection for the next request. `timeoutSeconds`: what the origin said in Keep-Alive, -1 for nothing. */
  release(connection: OriginConnection, timeoutSeconds: number): void {
    connection.user = undefined
    connection.reused = true
    const idleMs = timeoutSeconds < 0 ? DEFAULT_IDLE_MS : Math.min(MAX_IDLE_MS, timeoutSeconds * 1_000 - 1_000)
    // What came behind the answer, while nobody could take more of it, would be read as the answer to the next request.
    const saidMore = connection.socket.readableLength > 0
    if (idleMs <= 0 || saidMore || connection.socket.destroyed || connection.socket.readableEnded) {
      connection.socket.destroy()
      return
    }
    connection.idleEnds = Date.now() + idleMs
    connection.socket.resume()
    this.#idle.push(connection)
    this.#sweep ??= setInterval(() => this.#sweepIdle(), SWEEP_MS).unref()
  }

  forget(connection: OriginConnection): void {
    this.#all.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index >= 0) this.#idle.splice(index, 1)
  }

  close(): void {
    clearInterval(this.#sweep)
    this.#dialer.close()
    for (const { socket } of [...this.#all]) socket.destroy()
  }

  #sweepIdle(): void {
    const now = Date.now()
    for (const connection of [...this.#idle]) if (connection.idleEnds <= now) connection.socket.destroy()
    if (this.#idle.length > 0) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }
}
