import { forgetFirst } from '../../policy/forget-first.js'

/** Guesses that an address has at once, and how long it takes to get one back. */
export interface AttemptLimits {
  burst: number
  regainMs: number
}

/** Whoever guesses from so many addresses that the first is forgotten is held back by what a guess costs. */
const MAX_GUESSERS = 10_000

/** Counts guesses of passwords, and says when one is too many. */
export class Attempts {
  readonly #limits: AttemptLimits
  readonly #now: () => number
  /** When each will have all its guesses back; the one that has guessed last comes last. */
  readonly #fullAt = new Map<string, number>()

  /** `now`: default Date.now; tests pass their own. */
  constructor(limits: AttemptLimits, now: () => number = Date.now) {
    this.#limits = limits
    this.#now = now
  }

  /** Count a guess. Returns 0, or how many milliseconds to wait where there is none left; that counts as none. */
  take(guesser: string): number {
    const { burst, regainMs } = this.#limits
    const now = this.#now()
    const fullAt = Math.max(now, this.#fullAt.get(guesser) ?? 0) + regainMs
    const waitMs = fullAt - now - burst * regainMs
    if (waitMs > 0) return waitMs
    this.#set(guesser, fullAt)
    return 0
  }

  /** The last one was right. */
  giveBack(guesser: string): void {
    const fullAt = this.#fullAt.get(guesser)
    if (fullAt !== undefined) this.#set(guesser, fullAt - this.#limits.regainMs)
  }

  #set(guesser: string, fullAt: number): void {
    this.#fullAt.delete(guesser)
    if (fullAt > this.#now()) this.#fullAt.set(guesser, fullAt)
    forgetFirst(this.#fullAt, MAX_GUESSERS)
  }
}
