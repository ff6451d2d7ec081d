import { TunnelError } from 'tunnel-protocol'
import type { Tunnel } from '../registry/tunnel.js'
import type { EdgeLimits } from './limits.js'
import { Parking } from './parking.js'

/** Counts what is open, for each tunnel and each visitor, and says when it is enough. */
export class Admission {
  readonly parking: Parking
  readonly #limits: EdgeLimits
  readonly #byVisitor = new Map<string, number>()

  constructor(limits: EdgeLimits) {
    this.#limits = limits
    this.parking = new Parking(limits)
  }

  /** Visitors with something open. */
  get visitors(): number {
    return this.#byVisitor.size
  }

  /** Count one stream; leave() is owed for it. Throws TUN_ERR_TOO_MANY_REQUESTS or TUN_ERR_TOO_MANY_STREAMS. */
  enter(tunnel: Tunnel, visitor: string): void {
    const { maxStreamsPerTunnel, maxStreamsPerVisitor } = this.#limits
    const open = this.#byVisitor.get(visitor) ?? 0
    if (open >= maxStreamsPerVisitor) {
      throw new TunnelError(
        'TUN_ERR_TOO_MANY_REQUESTS',
        `your address has as many requests open here as it may (${open})`,
      )
    }
    if (tunnel.streams >= maxStreamsPerTunnel) {
      throw new TunnelError(
        'TUN_ERR_TOO_MANY_STREAMS',
        `this tunnel carries as many requests as it may (${tunnel.streams})`,
      )
    }
    this.#byVisitor.set(visitor, open + 1)
    tunnel.streams++
  }

  leave(tunnel: Tunnel, visitor: string): void {
    tunnel.streams--
    const open = this.#byVisitor.get(visitor)! - 1
    if (open === 0) this.#byVisitor.delete(visitor)
    else this.#byVisitor.set(visitor, open)
  }
}
