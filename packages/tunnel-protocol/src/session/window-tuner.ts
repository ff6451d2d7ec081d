import type { RoundTrip } from './round-trip.js'
import type { WindowBudget } from './window-budget.js'

/** What there is for making windows as large as the way needs. */
export interface WindowTuning {
  /** Largest window, in bytes. */
  maxBytes: number
  /** What all windows may have beyond the size that each of them may have. */
  budget: WindowBudget
  /** Of the link that there is now. */
  roundTrip: RoundTrip
  /** Milliseconds on a clock that only goes forward. */
  now(): number
}

/** A shorter way counts as one of so many milliseconds: there a window has to last for as long as the programs on either side take to get their turns. */
const LEAST_TRIP_MS = 0.5
/** A window that passes in less than so many round trips is what its sender waits for. */
const TOO_FEW_TRIPS = 2
/** It is made so large that it takes this many; four times as large at most. */
const GROWN_TRIPS = 4
/** A window that takes more round trips to pass is larger than it need be. */
const TOO_MANY_TRIPS = 3
/** It is made so small that it takes this many; half as large at least, for one round may have been held up. */
const SHRUNK_TRIPS = 2.5

/**
 * How large a window should be, in bytes, of which `windowBytes` passed in `ms` milliseconds over a way that takes `roundTripMs` there and back.
 */
export function tunedWindow(windowBytes: number, ms: number, roundTripMs: number): number {
  const trips = ms / Math.max(roundTripMs, LEAST_TRIP_MS)
  if (trips < TOO_FEW_TRIPS) return windowBytes * (GROWN_TRIPS / Math.max(1, trips))
  if (trips > TOO_MANY_TRIPS) return windowBytes * Math.max(0.5, SHRUNK_TRIPS / trips)
  return windowBytes
}

/**
 * Finds out how large one window should be. It looks at rounds: one lasts from a grant until all the credit there then is has been used, and what
 * came for it read. That takes a round trip at least, whoever is on the other side.
 */
export class WindowTuner {
  readonly #tuning: WindowTuning
  /** The window has this much in any case. */
  readonly #leastBytes: number
  #wantedBytes: number
  /** From the budget. */
  #taken = 0
  /** Of the round that is on; 0 while none is. */
  #roundBytes = 0
  #roundLeft = 0
  #startedAt = 0
  #roundTrip: RoundTrip

  /** Credit was granted just now, and the window is `windowBytes` large. */
  constructor(windowBytes: number, tuning: WindowTuning) {
    this.#tuning = tuning
    this.#leastBytes = windowBytes
    this.#wantedBytes = windowBytes
    this.#roundTrip = tuning.roundTrip
    this.#begin(windowBytes)
  }

  /**
   * Credit is about to be granted for `bytes` that were read since the time before. Returns by how much the window grows, and the grant with it;
   * below 0, by how much both shrink: by `bytes` at most.
   */
  adjust(windowBytes: number, bytes: number): number {
    this.#roundLeft -= bytes
    if (this.#roundBytes > 0 && this.#roundLeft <= 0) {
      this.#wantedBytes = this.#judge(windowBytes)
      this.#roundBytes = 0
    }
    const { budget } = this.#tuning
    // A window may take as much as it leaves to others: where they take some, it gives some back, and nobody finds nothing.
    const fairChange = Math.floor((budget.leftBytes - this.#taken) / 2)
    const change = Math.max(Math.min(this.#wantedBytes - windowBytes, fairChange), -Math.min(bytes, this.#taken))
    if (change > 0) budget.take(change)
    else budget.giveBack(-change)
    this.#taken += change
    // Where nothing is granted, all that comes next may be here already.
    if (this.#roundBytes === 0 && bytes + change > 0) this.#begin(windowBytes + change)
    return change
  }

  /** The stream is over: what its window has taken is there for others. */
  release(): void {
    this.#tuning.budget.giveBack(this.#taken)
    this.#taken = 0
  }

  #begin(windowBytes: number): void {
    this.#roundBytes = windowBytes
    this.#roundLeft = windowBytes
    this.#roundTrip = this.#tuning.roundTrip
    this.#startedAt = this.#tuning.now()
  }

  /** How large the window should be, by the round that has just ended. */
  #judge(windowBytes: number): number {
    const { roundTrip, maxBytes, now } = this.#tuning
    const ms = now() - this.#startedAt
    // It began on another link.
    if (roundTrip !== this.#roundTrip || roundTrip.ms === undefined) return windowBytes
    if (ms < roundTrip.ms) {
      // The way is shorter than we knew; what that means the next round will show.
      roundTrip.measured(ms)
      return windowBytes
    }
    const wanted = Math.floor(tunedWindow(this.#roundBytes, ms, roundTrip.ms))
    return Math.max(this.#leastBytes, Math.min(wanted, maxBytes))
  }
}
