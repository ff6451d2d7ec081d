import { isDeepStrictEqual } from 'node:util'
import { type BindRequest, parseRules, type Rules, TunnelError } from 'tunnel-protocol'
import { type BindFacts, decideBind, refusal } from './bind-rules.js'
import { Claims, newTenure } from './claims.js'
import type { Holder, Holding, NameRecord, Seat } from './holding.js'
import { anyName, type NameRights } from './name-rights.js'
import { checkName, isRandomName, randomName } from './names.js'

export interface HoldingsOptions {
  leaseMs: number
  /** Names one account may hold, those of absent agents included, where `rights` says nothing else. */
  maxTunnelsPerAccount: number
  /** Default: every account may have any name. */
  rights?: NameRights
  /** Default: claims that nobody can read after this process. */
  claims?: Claims
  /** Names of an earlier process. Their agents are away, each with a lease that begins now. */
  names?: Iterable<NameRecord>
  /** What records() gives has changed. */
  onChange?: () => void
  /** The name belongs to somebody from now on; called for those of an earlier process too. */
  onGiven?: (name: string) => void
  /** The name is nobody's any more. */
  onFree?: (name: string) => void
  /** Visitors of the name are asked for these from now on; called before anybody who brings them has a seat. */
  onRules?: (name: string, rules: Rules | undefined) => void
  /** The seats of the name have changed, or whether one of them has been told. */
  onSeats?: (holding: Holding) => void
  /** Default Date.now; tests pass their own. */
  now?: () => number
}

/** Who has which name: the rules, and what is known of each. Where requests go is another matter (directory.ts). */
export class Holdings {
  readonly #holdings = new Map<string, Holding>()
  readonly #byAccount = new Map<string, number>()
  /** How long the names of an agent that goes away are kept for it. */
  leaseMs: number
  /** Names one account may hold; those that it has already stay when this is lowered. */
  maxTunnelsPerAccount: number
  readonly #rights: NameRights
  readonly #claims: Claims
  readonly #onChange: () => void
  readonly #onGiven: (name: string) => void
  readonly #onFree: (name: string) => void
  readonly #onRules: (name: string, rules: Rules | undefined) => void
  readonly #onSeats: (holding: Holding) => void
  readonly #now: () => number

  constructor(options: HoldingsOptions) {
    this.leaseMs = options.leaseMs
    this.maxTunnelsPerAccount = options.maxTunnelsPerAccount
    this.#rights = options.rights ?? anyName
    this.#claims = options.claims ?? new Claims()
    this.#onChange = options.onChange ?? (() => {})
    this.#onGiven = options.onGiven ?? (() => {})
    this.#onFree = options.onFree ?? (() => {})
    this.#onRules = options.onRules ?? (() => {})
    this.#onSeats = options.onSeats ?? (() => {})
    this.#now = options.now ?? Date.now
    const leaseEnds = this.#now() + this.leaseMs
    for (const record of options.names ?? []) {
      const holding = this.#add(record.name, record.account, record.tenure)
      holding.pooled = record.pooled
      holding.given = true
      holding.leaseEnds = leaseEnds
    }
  }

  get size(): number {
    return this.#holdings.size
  }

  /** All names that belong to somebody. */
  *records(): Iterable<NameRecord> {
    for (const { name, account, tenure, pooled } of this.#holdings.values()) yield { name, account, tenure, pooled }
  }

  /** What is known of a name in lower case; also while its agents are away and its lease lasts. */
  find(name: string): Holding | undefined {
    const holding = this.#holdings.get(name)
    if (holding === undefined || holding.seats.length > 0) return holding
    if (holding.leaseEnds > this.#now()) return holding
    this.#free(holding)
    return undefined
  }

  /**
   * Give a name to an agent; told() is owed once the agent has been told. A claim takes the name back from an absence, and, for the agent
   * that still runs, from a link of its own that the server still believes in. What else may be: bind-rules.ts.
   * Throws TUN_ERR_NAME_INVALID, TUN_ERR_FORBIDDEN, TUN_ERR_NAME_TAKEN, TUN_ERR_RULES or TUN_ERR_ACCOUNT_LIMIT.
   */
  bind(request: BindRequest, holder: Holder): Holding {
    const rules = request.rules === undefined ? undefined : parseRules(request.rules)
    const name = request.name === undefined ? this.#freeName() : checkName(request.name)
    const tenure = this.#claims.tenureOf(name, request.claim)
    if (request.name !== undefined) {
      this.#rights.checkName(name, holder.account, tenure !== undefined && isRandomName(name))
    }
    const pooled = request.pool === true
    const seat: Seat = { holder, number: request.tunnel, told: false }
    const existing = this.find(name)
    if (existing === undefined) {
      this.#checkRoom(holder.account)
      if (tenure === undefined) this.#rights.beginName(holder.account)
      const holding = this.#add(name, holder.account, tenure ?? newTenure())
      holding.pooled = pooled
      this.#ask(holding, rules)
      this.#seat(holding, [seat])
      return holding
    }
    const facts: BindFacts = {
      proven: tenure === existing.tenure,
      sameAccount: existing.account === holder.account,
      heldByOther: existing.seats.some((each) => each.holder.attached && !isSameAgent(each.holder, holder)),
      heldBySibling: existing.seats.some((each) => isSibling(each.holder, holder)),
      pooled: existing.pooled,
      wantsPool: pooled,
      sameRules: existing.seats.length === 0 || isDeepStrictEqual(existing.rules, rules),
      force: request.force === true,
    }
    const verdict = decideBind(facts)
    if (verdict === 'refuse') throw refusal(name, facts)
    if (verdict === 'takeBack') this.#move(existing, holder.account)
    if (verdict === 'takeOver') {
      existing.tenure = newTenure()
      existing.given = false
    }
    existing.pooled = pooled
    this.#ask(existing, rules)
    const before = existing.seats
    const kept = verdict === 'join' ? before.filter((each) => !isSameLink(each.holder, holder)) : []
    this.#seat(existing, [...kept, seat])
    // Told last: whatever they do about it finds the name with its new holder.
    for (const former of before) {
      if (kept.includes(former) || former.holder === holder) continue
      if (verdict === 'takeOver') former.holder.takenOver(name, former.number)
      else former.holder.replaced(name)
    }
    return existing
  }

  /** The proof that the agents that have the name now have it, for them alone. */
  claimOf({ name, tenure }: Holding): string {
    return this.#claims.sign(name, tenure)
  }

  /** Does the holder have the name? It may have lost it before its agent has been told that it is its own. */
  has(holding: Holding, holder: Holder): boolean {
    return holding.seats.some((seat) => seat.holder === holder)
  }

  /** The holder's agent has been told its claim, and takes streams. */
  told(name: string, holder: Holder): void {
    const holding = this.#holdings.get(name)
    const seat = holding?.seats.find((each) => each.holder === holder)
    if (holding === undefined || seat === undefined) return
    seat.told = true
    holding.given = true
    this.#onSeats(holding)
  }

  /** The holder's agent has lost its link, or has one again. */
  moved(holder: Holder): void {
    for (const holding of this.#of(holder)) this.#onSeats(holding)
  }

  /** The agent's session is over: names that nobody else serves are kept for it. */
  away(holder: Holder): void {
    for (const holding of this.#of(holder)) {
      holding.seats = holding.seats.filter((seat) => seat.holder !== holder)
      if (holding.seats.length === 0 && !holding.given) {
        this.#free(holding) // nobody could prove that a name is his whose claim he has not been told
        continue
      }
      holding.leaseEnds = this.#now() + this.leaseMs
      this.#onSeats(holding)
    }
  }

  /** The agent said goodbye, on one of its links for all of them: names that nobody else serves are free. */
  leave(holder: Holder): void {
    for (const holding of this.#of(holder)) {
      const before = holding.seats
      holding.seats = before.filter((seat) => !isSameAgent(seat.holder, holder))
      if (holding.seats.length === 0) this.#free(holding)
      else this.#onSeats(holding)
      for (const seat of before) if (isSibling(seat.holder, holder)) seat.holder.left(holding.name)
    }
  }

  /** Forget leases that have ended. Called now and then, so that names nobody asks for do not pile up. */
  sweep(): void {
    for (const name of [...this.#holdings.keys()]) this.find(name)
  }

  #ask(holding: Holding, rules: Rules | undefined): void {
    if (isDeepStrictEqual(holding.rules, rules)) return
    holding.rules = rules
    this.#onRules(holding.name, rules)
  }

  #seat(holding: Holding, seats: Seat[]): void {
    holding.seats = seats
    this.#onChange()
    this.#onSeats(holding)
  }

  #heldBy(account: string): number {
    return this.#byAccount.get(account) ?? 0
  }

  #count(account: string, more: number): void {
    const held = this.#heldBy(account) + more
    if (held === 0) this.#byAccount.delete(account)
    else this.#byAccount.set(account, held)
  }

  #checkRoom(account: string): void {
    const room = this.#rights.maxTunnels(account) ?? this.maxTunnelsPerAccount
    if (this.#heldBy(account) >= room) this.sweep() // leases that have just ended
    const held = this.#heldBy(account)
    if (held >= room) {
      throw new TunnelError('TUN_ERR_ACCOUNT_LIMIT', `your account holds as many tunnels as it may here (${held})`)
    }
  }

  /** The name was proven by an agent that has another token now. */
  #move(holding: Holding, account: string): void {
    if (holding.account === account) return
    this.#checkRoom(account)
    this.#count(holding.account, -1)
    this.#count(account, 1)
    holding.account = account
  }

  #add(name: string, account: string, tenure: string): Holding {
    const holding: Holding = {
      name,
      account,
      tenure,
      given: false,
      pooled: false,
      rules: undefined,
      seats: [],
      leaseEnds: 0,
    }
    this.#holdings.set(name, holding)
    this.#count(account, 1)
    this.#onGiven(name)
    return holding
  }

  #free(holding: Holding): void {
    this.#holdings.delete(holding.name)
    this.#count(holding.account, -1)
    this.#onChange()
    this.#onFree(holding.name)
  }

  #of(holder: Holder): Holding[] {
    const holdings: Holding[] = []
    for (const holding of this.#holdings.values()) if (this.has(holding, holder)) holdings.push(holding)
    return holdings
  }

  #freeName(): string {
    let name = randomName()
    while (this.#holdings.has(name) || this.#rights.isReserved(name)) name = randomName()
    return name
  }
}

/** The same process, maybe on another link or a newer session. */
function isSameAgent(one: Holder, other: Holder): boolean {
  return one === other || (one.instance !== undefined && one.instance === other.instance)
}

/** The same link of the same process, maybe on a newer session. */
function isSameLink(one: Holder, other: Holder): boolean {
  return isSameAgent(one, other) && one.link === other.link
}

/** Another link of the same process. */
function isSibling(one: Holder, other: Holder): boolean {
  return isSameAgent(one, other) && one.link !== other.link
}
