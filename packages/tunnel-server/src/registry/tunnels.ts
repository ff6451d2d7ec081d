import { type BindRequest, TunnelError } from 'tunnel-protocol'
import { type BindFacts, decideBind, refusal } from './bind-rules.js'
import { Claims, newTenure } from './claims.js'
import { checkName, randomName } from './names.js'
import { avoid, isAvoided, isReachable, pickIndex } from './pick.js'
import type { Holder, Member, NameRecord, Tunnel } from './tunnel.js'

export interface TunnelRegistryOptions {
  leaseMs: number
  /** Names one account may hold, those of absent agents included. */
  maxTunnelsPerAccount: number
  /** Default: claims that nobody can read after this process. */
  claims?: Claims
  /** Names of an earlier process. Their agents are away, each with a lease that begins now. */
  names?: Iterable<NameRecord>
  /** What records() gives has changed. */
  onChange?: () => void
  /** Default Date.now; tests pass their own. */
  now?: () => number
}

/** Name to tunnel: the lookup on every request, and the rules of who may have which name. */
export class TunnelRegistry {
  readonly #tunnels = new Map<string, Tunnel>()
  readonly #byAccount = new Map<string, number>()
  /** How long the names of an agent that goes away are kept for it. */
  leaseMs: number
  /** Names one account may hold; those that it has already stay when this is lowered. */
  maxTunnelsPerAccount: number
  readonly #claims: Claims
  readonly #onChange: () => void
  readonly #now: () => number

  constructor(options: TunnelRegistryOptions) {
    this.leaseMs = options.leaseMs
    this.maxTunnelsPerAccount = options.maxTunnelsPerAccount
    this.#claims = options.claims ?? new Claims()
    this.#onChange = options.onChange ?? (() => {})
    this.#now = options.now ?? Date.now
    const leaseEnds = this.#now() + this.leaseMs
    for (const record of options.names ?? []) {
      const tunnel = this.#add(record.name, record.account, record.tenure)
      tunnel.pooled = record.pooled
      tunnel.given = true
      tunnel.leaseEnds = leaseEnds
    }
  }

  get size(): number {
    return this.#tunnels.size
  }

  /** Tunnels of which an agent is here. */
  get online(): number {
    let count = 0
    for (const { members } of this.#tunnels.values()) if (members.some(({ holder }) => holder.attached)) count++
    return count
  }

  /** All names that belong to somebody. */
  *records(): Iterable<NameRecord> {
    for (const { name, account, tenure, pooled } of this.#tunnels.values()) yield { name, account, tenure, pooled }
  }

  /** The tunnel of a name in lower case; also while its agents are away and its lease lasts. */
  find(name: string): Tunnel | undefined {
    const tunnel = this.#tunnels.get(name)
    if (tunnel === undefined || tunnel.members.length > 0) return tunnel
    if (tunnel.leaseEnds > this.#now()) return tunnel
    this.#free(tunnel)
    return undefined
  }

  /** Who gets the next request of `tunnel`; undefined while nobody can be reached. */
  pick(tunnel: Tunnel): Member | undefined {
    const { members } = tunnel
    if (members.length < 2) {
      const only = members[0]
      return only !== undefined && isReachable(only) ? only : undefined
    }
    const index = pickIndex(members, tunnel.turn, this.#now())
    if (index < 0) return undefined
    tunnel.turn = index + 1
    return members[index]
  }

  /** Who gets a request that `member` sent back unserved; undefined where all others have just done the same. */
  pickInstead(member: Member): Member | undefined {
    const now = this.#now()
    // What one of an agent's links can't have served, none of them can.
    for (const other of member.tunnel.members) if (isSameAgent(other.holder, member.holder)) avoid(other, now)
    const next = this.pick(member.tunnel)
    return next === undefined || isAvoided(next, now) ? undefined : next
  }

  /**
   * Give a name to an agent; open() is owed once the agent has been told. A claim takes the name back from an absence, and, for the agent
   * that still runs, from a link of its own that the server still believes in. What else may be: bind-rules.ts.
   * Throws TUN_ERR_NAME_INVALID, TUN_ERR_NAME_TAKEN or TUN_ERR_ACCOUNT_LIMIT.
   */
  bind(request: BindRequest, holder: Holder): Member {
    const name = request.name === undefined ? this.#freeName() : checkName(request.name)
    const tenure = this.#claims.tenureOf(name, request.claim)
    const pooled = request.pool === true
    const existing = this.find(name)
    if (existing === undefined) {
      this.#checkRoom(holder.account)
      const tunnel = this.#add(name, holder.account, tenure ?? newTenure())
      tunnel.pooled = pooled
      return this.#enter(tunnel, request.tunnel, holder)
    }
    const facts: BindFacts = {
      proven: tenure === existing.tenure,
      sameAccount: existing.account === holder.account,
      heldByOther: existing.members.some((member) => member.holder.attached && !isSameAgent(member.holder, holder)),
      heldBySibling: existing.members.some((member) => isSibling(member.holder, holder)),
      pooled: existing.pooled,
      wantsPool: pooled,
      force: request.force === true,
    }
    const verdict = decideBind(facts)
    if (verdict === 'refuse') throw new TunnelError('TUN_ERR_NAME_TAKEN', refusal(name, facts))
    if (verdict === 'takeBack') this.#move(existing, holder.account)
    if (verdict === 'takeOver') {
      existing.tenure = newTenure()
      existing.given = false
    }
    existing.pooled = pooled
    const before = existing.members
    existing.members = verdict === 'join' ? before.filter((member) => !isSameLink(member.holder, holder)) : []
    const member = this.#enter(existing, request.tunnel, holder)
    // Told last: whatever they do about it finds the name with its new holder.
    for (const former of before) {
      if (existing.members.includes(former) || former.holder === holder) continue
      if (verdict === 'takeOver') former.holder.takenOver(name, former.number)
      else former.holder.replaced(name)
    }
    return member
  }

  /** The proof that a member's agent has the name, for it alone. */
  claimOf({ tunnel }: Member): string {
    return this.#claims.sign(tunnel.name, tunnel.tenure)
  }

  /** Is the member still one? It may be over before its agent has been told that it began. */
  has(member: Member): boolean {
    return member.tunnel.members.includes(member)
  }

  holdsAny(holder: Holder): boolean {
    return this.#of(holder).length > 0
  }

  /** The member's agent has been told its claim, and takes streams: visitors who wait go on. */
  open(member: Member): void {
    member.ready = true
    member.tunnel.given = true
    this.#wake(member.tunnel)
  }

  /** The holder's agent has a link again: visitors who wait for its tunnels go on. */
  reachable(holder: Holder): void {
    for (const member of this.#of(holder)) if (isReachable(member)) this.#wake(member.tunnel)
  }

  #wake(tunnel: Tunnel): void {
    const waiting = [...tunnel.waiting]
    tunnel.waiting.clear()
    for (const go of waiting) go()
  }

  /** The agent's session is over: names that nobody else serves are kept for it. */
  away(holder: Holder): void {
    for (const member of this.#of(holder)) {
      const { tunnel } = member
      this.#drop(member)
      if (tunnel.members.length > 0) continue
      // Nobody could prove that a name is his whose claim he has not been told.
      if (!tunnel.given) this.#free(tunnel)
      else tunnel.leaseEnds = this.#now() + this.leaseMs
    }
  }

  /** The agent said goodbye, on one of its links for all of them: names that nobody else serves are free. */
  leave(holder: Holder): void {
    for (const { tunnel } of this.#of(holder)) {
      tunnel.members = tunnel.members.filter((member) => !isSameAgent(member.holder, holder))
      if (tunnel.members.length === 0) this.#free(tunnel)
    }
  }

  /** Forget leases that have ended. Called now and then, so that names nobody asks for do not pile up. */
  sweep(): void {
    for (const name of [...this.#tunnels.keys()]) this.find(name)
  }

  #enter(tunnel: Tunnel, number: number, holder: Holder): Member {
    const member: Member = { tunnel, holder, number, ready: false, avoidedUntil: 0 }
    tunnel.members.push(member)
    this.#onChange()
    return member
  }

  #drop(member: Member): void {
    const { members } = member.tunnel
    members.splice(members.indexOf(member), 1)
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
    if (this.#heldBy(account) >= this.maxTunnelsPerAccount) this.sweep() // leases that have just ended
    const held = this.#heldBy(account)
    if (held >= this.maxTunnelsPerAccount) {
      throw new TunnelError('TUN_ERR_ACCOUNT_LIMIT', `your account holds as many tunnels as it may here (${held})`)
    }
  }

  /** The name was proven by an agent that has another token now. */
  #move(tunnel: Tunnel, account: string): void {
    if (tunnel.account === account) return
    this.#checkRoom(account)
    this.#count(tunnel.account, -1)
    this.#count(account, 1)
    tunnel.account = account
  }

  #add(name: string, account: string, tenure: string): Tunnel {
    const tunnel: Tunnel = {
      name,
      account,
      tenure,
      given: false,
      pooled: false,
      streams: 0,
      waiting: new Set(),
      members: [],
      turn: 0,
      leaseEnds: 0,
    }
    this.#tunnels.set(name, tunnel)
    this.#count(account, 1)
    return tunnel
  }

  #free(tunnel: Tunnel): void {
    this.#tunnels.delete(tunnel.name)
    this.#count(tunnel.account, -1)
    this.#onChange()
    this.#wake(tunnel)
  }

  #of(holder: Holder): Member[] {
    const members: Member[] = []
    for (const tunnel of this.#tunnels.values()) {
      for (const member of tunnel.members) if (member.holder === holder) members.push(member)
    }
    return members
  }

  #freeName(): string {
    let name = randomName()
    while (this.#tunnels.has(name)) name = randomName()
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
