const KEPT = 1 << 21

/** Times of answers in milliseconds; the first two million count. */
export class Latencies {
  readonly #values = new Float64Array(KEPT)
  #count = 0

  add(ms: number): void {
    if (this.#count < KEPT) this.#values[this.#count++] = ms
  }

  /** Of two percentiles, p50 and p99. NaN without any answer. */
  percentiles(): { p50Ms: number; p99Ms: number } {
    const sorted = this.#values.subarray(0, this.#count).sort()
    const at = (share: number) => sorted[Math.min(this.#count - 1, Math.floor(this.#count * share))] ?? Number.NaN
    return { p50Ms: at(0.5), p99Ms: at(0.99) }
  }
}
