import { avoid, isAvoided, isReachable, pickIndex } from './pick.js'
import type { Carrier, Member, Tunnel } from './tunnel.js'

/** Name to tunnel, and who serves it: the lookup on every request. Who may have which name is decided elsewhere (holdings.ts). */
export class Directory {
  readonly #tunnels = new Map<string, Tunnel>()
  /** Default Date.now; tests pass their own. */
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  /** Tunnels that can be reached. */
  get online(): number {
    let count = 0
    for (const { members } of this.#tunnels.values()) if (members.some(isReachable)) count++
    return count
  }

  /** The tunnel of a name in lower case; also while its agents are away and the name is kept for them. */
  find(name: string): Tunnel | undefined {
    return this.#tunnels.get(name)
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
    avoid(member, now)
    // What one of an agent's links can't have served, none of them can.
    for (const other of member.tunnel.members) if (isSameAgent(other.holder, member.holder)) avoid(other, now)
    const next = this.pick(member.tunnel)
    return next === undefined || isAvoided(next, now) ? undefined : next
  }

  /** The name has been given to somebody. */
  add(name: string): void {
    if (this.#tunnels.has(name)) return
    this.#tunnels.set(name, { name, streams: 0, waiting: new Set(), members: [], turn: 0 })
  }

  /** The name is free: whoever waits for it learns that. */
  remove(name: string): void {
    const tunnel = this.#tunnels.get(name)
    this.#tunnels.delete(name)
    if (tunnel !== undefined) wake(tunnel)
  }

  /** `holder` serves the name, and takes streams: visitors who wait go on. */
  enter(name: string, holder: Carrier, number: number): void {
    const tunnel = this.#tunnels.get(name)
    if (tunnel === undefined) return
    remove(tunnel, holder) // it may have asked for the name twice
    tunnel.members.push({ tunnel, holder, number, avoidedUntil: 0 })
    this.reachable(holder)
  }

  /** `holder` has a link again: visitors who wait for its tunnels go on. */
  reachable(holder: Carrier): void {
    if (!holder.attached) return
    for (const tunnel of this.#tunnels.values()) {
      if (tunnel.waiting.size > 0 && tunnel.members.some((member) => member.holder === holder)) wake(tunnel)
    }
  }

  /** `holder` serves the name no more. */
  drop(name: string, holder: Carrier): void {
    const tunnel = this.#tunnels.get(name)
    if (tunnel !== undefined) remove(tunnel, holder)
  }

  /** `holder` serves nothing any more. */
  dropAll(holder: Carrier): void {
    for (const tunnel of this.#tunnels.values()) remove(tunnel, holder)
  }

  holdsAny(holder: Carrier): boolean {
    for (const { members } of this.#tunnels.values())
      if (members.some((member) => member.holder === holder)) return true
    return false
  }
}

/** The same process, maybe on another link. */
function isSameAgent(one: Carrier, other: Carrier): boolean {
  return one.instance !== undefined && one.instance === other.instance
}

function remove({ members }: Tunnel, holder: Carrier): void {
  const index = members.findIndex((member) => member.holder === holder)
  if (index >= 0) members.splice(index, 1)
}

function wake(tunnel: Tunnel): void {
  const waiting = [...tunnel.waiting]
  tunnel.waiting.clear()
  for (const go of waiting) go()
}
