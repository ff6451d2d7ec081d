import type { Rules } from 'tunnel-protocol'
import type { Tunnel } from '../../registry/tunnel.js'
import type { GateContext, GateSettings } from './context.js'
import { Gate } from './gate.js'
import { Passes } from './passes.js'
import { PasswordChecks } from './password-checks.js'

/** Of tunnels that have a gate because all have one. */
const NO_RULES: Rules = {}

/** The gates of all tunnels that need one, made when they are first asked for. */
export class Gates {
  readonly #context: GateContext
  readonly #gates = new WeakMap<Tunnel, Gate>()

  constructor(settings: GateSettings, checks = new PasswordChecks()) {
    this.#context = { settings, checks, passes: new Passes(settings.passKey) }
  }

  /** Undefined: everybody is let in. */
  of(tunnel: Tunnel): Gate | undefined {
    const { rules = this.#context.settings.interstitial ? NO_RULES : undefined } = tunnel
    if (rules === undefined) return undefined
    const known = this.#gates.get(tunnel)
    if (known?.rules === rules) return known
    const gate = new Gate(tunnel.name, rules, this.#context)
    this.#gates.set(tunnel, gate)
    return gate
  }
}
