import { randomBytes } from 'node:crypto'
import { type BindRequest, type Session, TunnelError } from 'tunnel-protocol'
import { isSecret } from '../policy/secret.js'
import { checkName, randomName } from './names.js'

/** Who holds a name. */
export interface Holder {
  /** Names the session in logs. */
  readonly id: string
  readonly session: Session
  /** Its agent has a link right now. */
  readonly attached: boolean
  /** What the agent calls itself for as long as it runs. */
  readonly instance: string | undefined
  /** Whose names these are (see accounts/tokens.ts). */
  readonly account: string
  /** A newer agent with the same claim has taken the name. */
  replaced(name: string): void
}

/** A name and, while its agent is here, where its requests go. */
export interface Tunnel {
  readonly name: string
  readonly claim: string
  readonly account: string
  /** Visitors' streams open right now; the edge counts them. */
  streams: number
  /** Called when the tunnel can be reached again: visitors who wait for that. */
  readonly waiting: Set<() => void>
  /** The agent's number for it. */
  number: number
  /** Undefined while the agent is away. */
  holder: Holder | undefined
  /** When an absent agent's name is free again, in milliseconds since the epoch. */
  leaseEnds: number
}

export interface TunnelRegistryOptions {
  leaseMs: number
  /** Names one account may hold, those of absent agents included. */
  maxTunnelsPerAccount: number
  /** Default Date.now; tests pass their own. */
  now?: () => number
}

/** Name to tunnel: the lookup on every request, and the rules of who may have which name. */
export class TunnelRegistry {
  readonly #tunnels = new Map<string, Tunnel>()
  readonly #byAccount = new Map<string, number>()
  readonly #leaseMs: number
  readonly #maxPerAccount: number
  readonly #now: () => number

  constructor(options: TunnelRegistryOptions) {
    this.#leaseMs = options.leaseMs
    this.#maxPerAccount = options.maxTunnelsPerAccount
    this.#now = options.now ?? Date.now
  }

  get size(): number {
    return this.#tunnels.size
  }

  /** Tunnels whose agent is here. */
  get online(): number {
    let count = 0
    for (const tunnel of this.#tunnels.values()) if (tunnel.holder?.attached) count++
    return count
  }

  /** The tunnel of a name in lower case; also while its agent is away and its lease lasts. */
  find(name: string): Tunnel | undefined {
    const tunnel = this.#tunnels.get(name)
    if (tunnel === undefined || tunnel.holder !== undefined) return tunnel
    if (tunnel.leaseEnds > this.#now()) return tunnel
    this.#free(tunnel)
    return undefined
  }

  /**
   * Give a name to an agent. The claim of an earlier bind takes the name back from an absence, and, for the agent that
   * still runs, from a link of its own that the server still believes in. Throws TUN_ERR_NAME_INVALID, TUN_ERR_NAME_TAKEN or TUN_ERR_ACCOUNT_LIMIT.
   */
  bind(request: BindRequest, holder: Holder): Tunnel {
    const name = request.name === undefined ? this.#freeName() : checkName(request.name)
    const existing = this.find(name)
    if (existing !== undefined) {
      const previous = existing.holder
      const itself = !previous?.attached || (holder.instance !== undefined && previous.instance === holder.instance)
      if (!itself || !isSecret(existing.claim, request.claim)) {
        const why = !previous?.attached ? 'is kept for an agent that is away for a moment' : 'is in use'
        throw new TunnelError('TUN_ERR_NAME_TAKEN', `the name "${name}" ${why}, choose another one`)
      }
      existing.holder = holder
      existing.number = request.tunnel
      if (previous !== undefined && previous !== holder) previous.replaced(name)
      return existing
    }
    const { account } = holder
    if (this.#heldBy(account) >= this.#maxPerAccount) this.sweep() // leases that have just ended
    const held = this.#heldBy(account)
    if (held >= this.#maxPerAccount) {
      throw new TunnelError('TUN_ERR_ACCOUNT_LIMIT', `your account holds as many tunnels as it may here (${held})`)
    }
    const tunnel: Tunnel = {
      name,
      claim: randomBytes(24).toString('base64url'),
      account,
      streams: 0,
      waiting: new Set(),
      number: request.tunnel,
      holder,
      leaseEnds: 0,
    }
    this.#tunnels.set(name, tunnel)
    this.#byAccount.set(account, held + 1)
    return tunnel
  }

  /** The holder's agent takes streams, for the first time or again: visitors who wait for its tunnels go on. */
  reachable(holder: Holder): void {
    for (const tunnel of this.#of(holder)) this.#wake(tunnel)
  }

  #wake(tunnel: Tunnel): void {
    const waiting = [...tunnel.waiting]
    tunnel.waiting.clear()
    for (const go of waiting) go()
  }

  /** The agent's session is over: keep its names for it. */
  away(holder: Holder): void {
    for (const tunnel of this.#of(holder)) {
      tunnel.holder = undefined
      tunnel.leaseEnds = this.#now() + this.#leaseMs
    }
  }

  /** The agent said goodbye: its names are free. */
  leave(holder: Holder): void {
    for (const tunnel of this.#of(holder)) this.#free(tunnel)
  }

  /** Forget leases that have ended. Called now and then, so that names nobody asks for do not pile up. */
  sweep(): void {
    for (const name of [...this.#tunnels.keys()]) this.find(name)
  }

  #heldBy(account: string): number {
    return this.#byAccount.get(account) ?? 0
  }

  #free(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel.name)
    const held = this.#heldBy(tunnel.account) - 1
    if (held === 0) this.#byAccount.delete(tunnel.account)
    else this.#byAccount.set(tunnel.account, held)
  }

  #of(holder: Holder): Tunnel[] {
    return [...this.#tunnels.values()].filter((tunnel) => tunnel.holder === holder)
  }

  #freeName(): string {
    let name = randomName()
    while (this.#tunnels.has(name)) name = randomName()
    return name
  }
}
