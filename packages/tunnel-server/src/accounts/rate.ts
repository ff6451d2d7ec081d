import { forgetFirst } from '../policy/forget-first.js'

/** Whose buckets are kept; the one that was made first goes when there are more. */
const MAX_KEYS = 65_536

/** One costs as much as flows into a bucket in a minute at a rate of 1: whole numbers, so that nothing is lost in rounding. */
const COST = 60_000

interface Bucket {
  /** What is in it, at `at`. */
  level: number
  at: number
}

/** So many a minute for each key, and as many at once after a pause: token buckets. */
export class Rate {
  /** 0: as many as anybody likes. */
  perMinute: number
  readonly #buckets = new Map<string, Bucket>()
  /** Default Date.now; tests pass their own. */
  readonly #now: () => number

  constructor(perMinute: number, now: () => number = Date.now) {
    this.perMinute = perMinute
    this.#now = now
  }

  /** Take one for `key`. Returns 0, or how long to wait until there is one, in milliseconds. */
  take(key: string): number {
    if (this.perMinute === 0) return 0
    const now = this.#now()
    const bucket = this.#buckets.get(key)
    const level = bucket === undefined ? this.#full : this.#levelAt(bucket, now)
    if (level < COST) return Math.ceil((COST - level) / this.perMinute)
    this.#keep(key, { level: level - COST, at: now })
    return 0
  }

  /** Forget the buckets that are full again. Called now and then. */
  sweep(): void {
    const now = this.#now()
    for (const [key, bucket] of this.#buckets) if (this.#levelAt(bucket, now) >= this.#full) this.#buckets.delete(key)
  }

  get #full(): number {
    return this.perMinute * COST
  }

  #levelAt({ level, at }: Bucket, now: number): number {
    return Math.min(this.#full, level + Math.max(0, now - at) * this.perMinute)
  }

  #keep(key: string, bucket: Bucket): void {
    this.#buckets.set(key, bucket)
    forgetFirst(this.#buckets, MAX_KEYS)
  }
}
