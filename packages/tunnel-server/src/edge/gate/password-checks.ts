import { createHmac, randomBytes } from 'node:crypto'
import { checkPassword } from 'tunnel-protocol'
import { forgetFirst } from '../../policy/forget-first.js'
import { type AttemptLimits, Attempts } from './attempts.js'

/** What a visitor has shown, and what it has to fit. */
export interface Guess {
  /** As hashPassword gives it. */
  hash: string
  password: string
  /** Who is said to know it; empty where nobody is named. */
  user: string
}

/** Requests that may wait for an outcome at once, for all visitors together; each holds its head, and what came behind it. */
const MAX_ASKING = 128
/** Guesses of which it is remembered whether they were right. */
const MAX_KNOWN = 4_096
/** When to come again where too many wait, in milliseconds. */
const BUSY_MS = 1_000

/** Ten guesses at once, and one more every six seconds. */
export const ATTEMPTS: AttemptLimits = { burst: 10, regainMs: 6_000 }

/**
 * Finds out whether passwords are right, beside this thread, one at a time and not too often for one visitor; and remembers it, so that it need not be found
 * out with every request. No password is kept: what is remembered are digests under a key that ends with the process.
 */
export class PasswordChecks {
  readonly #attempts: Attempts
  readonly #check: typeof checkPassword
  readonly #key = randomBytes(32)
  /** Whether each was right; the one that was asked about last comes last. */
  readonly #known = new Map<string, boolean>()
  /** Those that are being found out. */
  readonly #pending = new Map<string, Promise<void>>()
  /** Requests that wait. */
  #asking = 0
  /** Those that wait for their turn: each takes some 30 ms of a core and 16 MiB, and traffic needs both more. */
  readonly #waiting: Array<() => void> = []
  #isBusy = false

  /** `check`: tests pass their own. */
  constructor(attempts = new Attempts(ATTEMPTS), check = checkPassword) {
    this.#attempts = attempts
    this.#check = check
  }

  /** Whether the guess is right; undefined where find() has to find it out. */
  known(guess: Guess): boolean | undefined {
    const digest = this.#digestOf(guess)
    const isRight = this.#known.get(digest)
    if (isRight === undefined) return undefined
    this.#known.delete(digest)
    this.#known.set(digest, isRight)
    return isRight
  }

  /**
   * Find it out for `guesser`. When the promise has resolved, which it always does, known() says it. A number: there have been too many guesses;
   * how many milliseconds to wait for another one.
   */
  find(guesser: string, guess: Guess): Promise<void> | number {
    if (this.#asking >= MAX_ASKING) return BUSY_MS
    const digest = this.#digestOf(guess)
    let found = this.#pending.get(digest) // a browser asks for a page and all that belongs to it
    if (found === undefined) {
      const waitMs = this.#attempts.take(guesser)
      if (waitMs > 0) return waitMs
      found = this.#begin(guesser, guess, digest)
      this.#pending.set(digest, found)
    }
    this.#asking++
    return found.then(() => {
      this.#asking--
    })
  }

  #begin(guesser: string, { password, hash }: Guess, digest: string): Promise<void> {
    return new Promise((resolve) => {
      this.#inTurn(() =>
        this.#check(password, hash, (isRight) => {
          this.#pending.delete(digest)
          this.#remember(digest, isRight)
          if (isRight) this.#attempts.giveBack(guesser)
          resolve()
          this.#next()
        }),
      )
    })
  }

  #inTurn(run: () => void): void {
    if (this.#isBusy) {
      this.#waiting.push(run)
      return
    }
    this.#isBusy = true
    run()
  }

  #next(): void {
    this.#isBusy = false
    const run = this.#waiting.shift()
    if (run !== undefined) this.#inTurn(run)
  }

  #remember(digest: string, isRight: boolean): void {
    this.#known.set(digest, isRight)
    forgetFirst(this.#known, MAX_KNOWN)
  }

  /** Of two users with one password it is told apart who has shown it: else the time would tell which users there are. */
  #digestOf({ hash, user, password }: Guess): string {
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([hash, user, password]))
      .digest('base64')
  }
}
