import type { Rules } from 'tunnel-protocol'
import { agentOf } from './holding.js'
import { avoid, isAvoided, isReachable, pickIndex } from './pick.js'
import type { Carrier, Member, Tunnel } from './tunnel.js'

/** Name to tunnel, and who serves it: the lookup on every request. Who may have which name is decided elsewhere (holdings.ts). */
export class Directory {
  readonly #tunnels = new Map<string, Tunnel>()
  readonly #byNumber = new Map<number, Tunnel>()
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

  /** The tunnel that add() was given this number for. */
  findByNumber(number: number): Tunnel | undefined {
    return this.#byNumber.get(number)
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
    // What one of an agent's links can't have served, none of them can. Which of several agents of another worker it was is not known.
    const [agent, ...more] = member.agents
    if (more.length === 0) {
      for (const other of member.tunnel.members) if (other.agents.every((each) => each === agent)) avoid(other, now)
    }
    const next = this.pick(member.tunnel)
    return next === undefined || isAvoided(next, now) ? undefined : next
  }

  /** The name has been given to somebody. `number`: what workers call it among themselves, where there are several. `rules`: as in setRules(). */
  add(name: string, number = 0, rules?: Rules): void {
    if (this.#tunnels.has(name)) return
    const tunnel: Tunnel = { name, number, rules, streams: 0, waiting: new Set(), members: [], turn: 0 }
    this.#tunnels.set(name, tunnel)
    if (number > 0) this.#byNumber.set(number, tunnel)
  }

  /**
   * Visitors of the name are asked for these from now on. Who serves it here has asked for others, and gets no further request. `number`: as in add(), and another
   * one than before.
   */
  setRules(name: string, rules: Rules | undefined, number = 0): void {
    const tunnel = this.#tunnels.get(name)
    if (tunnel === undefined) return
    tunnel.rules = rules
    tunnel.members = tunnel.members.filter(({ holder }) => holder.remote === true)
    for (const member of tunnel.members) member.number = number
    this.#byNumber.delete(tunnel.number)
    if (number > 0) this.#byNumber.set(number, tunnel)
    tunnel.number = number
  }

  /** The name is free: whoever waits for it learns that. */
  remove(name: string): void {
    const tunnel = this.#tunnels.get(name)
    if (tunnel === undefined) return
    this.#tunnels.delete(name)
    this.#byNumber.delete(tunnel.number)
    wake(tunnel)
  }

  /** `holder` serves the name, and takes streams: visitors who wait go on. */
  enter(name: string, holder: Carrier, number: number): void {
    const tunnel = this.#tunnels.get(name)
    if (tunnel === undefined) return
    remove(tunnel, holder) // it may have asked for the name twice
    tunnel.members.push({ tunnel, holder, number, agents: [agentOf(holder)], avoidedUntil: 0 })
    this.reachable(holder)
  }

  /** These lead to the agents of the name that other workers have, and no others; each with its agents. */
  setRemote(name: string, remote: ReadonlyMap<Carrier, readonly string[]>): void {
    const tunnel = this.#tunnels.get(name)
    if (tunnel === undefined) return
    const here = tunnel.members.filter(({ holder }) => holder.remote !== true)
    const there = [...remote].map(([holder, agents]): Member => {
      const known = tunnel.members.find((member) => member.holder === holder)
      if (known === undefined) return { tunnel, holder, number: tunnel.number, agents, avoidedUntil: 0 }
      known.agents = agents
      return known
    })
    tunnel.members = [...here, ...there]
    if (there.some(isReachable)) wake(tunnel)
  }

  /** Who of this process gets a request from another one; also one that has lost its link, if there is nobody else. */
  pickHere(tunnel: Tunnel): Member | undefined {
    const here = tunnel.members.filter(({ holder }) => holder.remote !== true)
    return here[pickIndex(here, tunnel.turn++, this.#now())] ?? here[0]
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

function remove({ members }: Tunnel, holder: Carrier): void {
  const index = members.findIndex((member) => member.holder === holder)
  if (index >= 0) members.splice(index, 1)
}

function wake(tunnel: Tunnel): void {
  const waiting = [...tunnel.waiting]
  tunnel.waiting.clear()
  for (const go of waiting) go()
}
