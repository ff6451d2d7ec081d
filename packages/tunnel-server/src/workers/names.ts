import { isDeepStrictEqual } from 'node:util'
import type { Rules } from 'tunnel-protocol'
import { agentOf, type Holding } from '../registry/holding.js'
import type { NameState, Place, ToWorker } from './messages.js'
import { RemoteHolder } from './remote-holder.js'

/** Which workers can serve which name; tells all workers of every change. */
export class Names {
  readonly #tell: (message: ToWorker) => void
  readonly #states = new Map<string, NameState>()
  /** Names whose seats have changed in this turn. */
  readonly #changed = new Map<string, Holding>()
  #lastNumber = 0

  /** `tell` sends to all workers. */
  constructor(tell: (message: ToWorker) => void) {
    this.#tell = tell
  }

  /** For a worker that begins. */
  get states(): NameState[] {
    return [...this.#states.values()]
  }

  /** Names that can be reached. */
  get online(): number {
    let count = 0
    for (const { at } of this.#states.values()) if (at.length > 0) count++
    return count
  }

  onGiven(name: string): void {
    const state: NameState = { name, number: ++this.#lastNumber, at: [] }
    this.#states.set(name, state)
    this.#tell({ type: 'name', ...state })
  }

  /** Workers know of the rules before the agent hears that it has the name: they are told things in order. */
  onRules(name: string, rules: Rules | undefined): void {
    const state = this.#states.get(name)
    if (state === undefined) return
    state.rules = rules
    state.number = ++this.#lastNumber
    this.#tell({ type: 'name', ...state })
  }

  onFree(name: string): void {
    this.#states.delete(name)
    this.#tell({ type: 'free', name })
  }

  onSeats(holding: Holding): void {
    if (this.#changed.size === 0) setImmediate(() => this.#publish())
    this.#changed.set(holding.name, holding)
  }

  #publish(): void {
    for (const { name, seats } of this.#changed.values()) {
      const state = this.#states.get(name)
      if (state === undefined) continue
      const at = placesOf(seats)
      if (isDeepStrictEqual(at, state.at)) continue
      state.at = at
      this.#tell({ type: 'name', ...state })
    }
    this.#changed.clear()
  }
}

/** Workers with agents that can be reached, and these, each once. */
function placesOf(seats: Holding['seats']): Place[] {
  const places = new Map<number, Set<string>>()
  for (const { holder, told } of seats) {
    if (!told || !holder.attached || !(holder instanceof RemoteHolder)) continue
    const agents = places.get(holder.worker) ?? new Set()
    places.set(holder.worker, agents.add(agentOf(holder)))
  }
  return [...places]
    .map(([worker, agents]) => ({ worker, agents: [...agents].sort() }))
    .sort((a, b) => a.worker - b.worker)
}
