import type { Tunnel } from '../../registry/tunnel.js'
import { Gate } from './gate.js'

/** The gates of all tunnels that have rules, made when they are first needed. */
export class Gates {
  readonly #gates = new WeakMap<Tunnel, Gate>()

  /** Undefined: everybody is let in. */
  of(tunnel: Tunnel): Gate | undefined {
    const { rules } = tunnel
    if (rules === undefined) return undefined
    const known = this.#gates.get(tunnel)
    if (known?.rules === rules) return known
    const gate = new Gate(rules)
    this.#gates.set(tunnel, gate)
    return gate
  }
}
