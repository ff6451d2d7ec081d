import type { Tunnel } from '../../registry/tunnel.js'
import { Gate } from './gate.js'
import { PasswordChecks } from './password-checks.js'

/** The gates of all tunnels that have rules, made when they are first needed. */
export class Gates {
  readonly #checks: PasswordChecks
  readonly #gates = new WeakMap<Tunnel, Gate>()

  constructor(checks = new PasswordChecks()) {
    this.#checks = checks
  }

  /** Undefined: everybody is let in. */
  of(tunnel: Tunnel): Gate | undefined {
    const { rules } = tunnel
    if (rules === undefined) return undefined
    const known = this.#gates.get(tunnel)
    if (known?.rules === rules) return known
    const gate = new Gate(tunnel.name, rules, this.#checks)
    this.#gates.set(tunnel, gate)
    return gate
  }
}
