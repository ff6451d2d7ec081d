import net, { type Socket } from 'node:net'
import tls from 'node:tls'
import { TunnelError } from 'tunnel-protocol'
import { authority, isLoopback, type OriginTarget } from './target.js'

/** Socket buffer, as on the server's side. */
const HIGH_WATER_BYTES = 64 * 1024
const DIAL_DEADLINE_MS = 10_000

/** Told when the origin stops or starts taking connections; not for every connection. */
export interface ReachabilityObserver {
  onUnreachable(error: TunnelError): void
  onReachable(): void
}

/**
 * Opens connections to one origin. `localhost` is both 127.0.0.1 and ::1, and an app may listen on either:
 * the one that answered is tried first from then on.
 */
export class Dialer {
  readonly #target: OriginTarget
  readonly #observer: ReachabilityObserver
  #hosts: string[]
  #reachable = true

  constructor(target: OriginTarget, observer: ReachabilityObserver) {
    this.#target = target
    this.#observer = observer
    this.#hosts = target.host === 'localhost' ? ['127.0.0.1', '::1'] : [target.host]
  }

  /** Calls exactly one of the two. Returns a function that gives up; then neither is called. */
  dial(onConnected: (socket: Socket) => void, onError: (error: TunnelError) => void): () => void {
    const hosts = this.#hosts // another dial may change the order meanwhile
    let current: Socket | undefined
    let over = false
    const fail = (error: TunnelError) => {
      over = true
      clearTimeout(timer)
      if (this.#reachable) this.#observer.onUnreachable(error)
      this.#reachable = false
      onError(error)
    }
    const timer = setTimeout(() => {
      current?.destroy()
      fail(new TunnelError('TUN_ERR_ORIGIN_TIMEOUT', `${authority(this.#target)} did not accept a connection in time`))
    }, DIAL_DEADLINE_MS)

    const attempt = (index: number) => {
      const host = hosts[index]!
      const socket = this.#open(host)
      current = socket
      const onFailure = (error: NodeJS.ErrnoException) => {
        socket.destroy()
        if (over) return
        if (index + 1 < hosts.length) attempt(index + 1)
        else fail(this.#describe(error))
      }
      socket.once('error', onFailure)
      socket.once(this.#target.tls ? 'secureConnect' : 'connect', () => {
        over = true
        clearTimeout(timer)
        socket.removeListener('error', onFailure)
        if (index > 0) this.#hosts = [host, ...hosts.filter((other) => other !== host)]
        socket.setNoDelay(true)
        if (!this.#reachable) this.#observer.onReachable()
        this.#reachable = true
        onConnected(socket)
      })
    }
    attempt(0)
    return () => {
      over = true
      clearTimeout(timer)
      current?.destroy()
    }
  }

  #open(host: string): Socket {
    const { port, tls: secure } = this.#target
    const options = { host, port, allowHalfOpen: true, noDelay: true, highWaterMark: HIGH_WATER_BYTES }
    if (!secure) return net.connect(options)
    const name = this.#target.host
    return tls.connect({
      ...options,
      ALPNProtocols: ['http/1.1'],
      ...(net.isIP(name) === 0 ? { servername: name } : {}),
      // On this machine there is nobody in between, and self-signed certificates are the rule.
      rejectUnauthorized: !isLoopback(name),
    })
  }

  #describe(error: NodeJS.ErrnoException): TunnelError {
    const where = authority(this.#target)
    const { code } = error
    if (code === 'ECONNREFUSED') {
      return new TunnelError('TUN_ERR_ORIGIN_REFUSED', `nothing is listening on ${where}`)
    }
    const reason = code ?? error.message
    return new TunnelError('TUN_ERR_ORIGIN_REFUSED', `cannot connect to ${where} (${reason})`, { cause: error })
  }
}
