import type { EdgeLimits } from './limits.js'

type ParkingLimits = Pick<EdgeLimits, 'maxParked' | 'maxParkedBytes'>

/** A request that waits. */
export interface ParkedRequest {
  /** Read nothing more of its connection. */
  pause(): void
}

/** Counts the requests that wait for an agent, and what they hold, and says when it is enough. */
export class Parking {
  readonly #limits: ParkingLimits
  readonly #parked = new Map<ParkedRequest, number>()
  #bytes = 0

  constructor(limits: ParkingLimits) {
    this.#limits = limits
  }

  /** Requests that wait right now. */
  get count(): number {
    return this.#parked.size
  }

  /** Count a request that holds so many bytes; leave() is owed for it. Returns false where there is no room. */
  enter(parked: ParkedRequest, bytes: number): boolean {
    if (this.#parked.size >= this.#limits.maxParked || this.#bytes + bytes > this.#limits.maxParkedBytes) return false
    this.#parked.set(parked, bytes)
    this.#bytes += bytes
    return true
  }

  /** It holds so many bytes more. Beyond the limit nobody reads on: only who leaves makes room. */
  grow(parked: ParkedRequest, bytes: number): void {
    this.#parked.set(parked, this.#parked.get(parked)! + bytes)
    this.#bytes += bytes
    if (this.#bytes > this.#limits.maxParkedBytes) for (const each of this.#parked.keys()) each.pause()
  }

  leave(parked: ParkedRequest): void {
    this.#bytes -= this.#parked.get(parked) ?? 0
    this.#parked.delete(parked)
  }
}
