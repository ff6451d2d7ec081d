import { within } from '../support/within.js'

/** How far a transfer is, and how far it may go for now. */
export class Progress {
  bytes = 0
  done = false
  /** The longest time in which nothing moved although it might, in milliseconds. */
  longestPauseMs = 0
  /** Called when it may go on. */
  onAllowed = () => {}
  readonly #what: string
  #allowed = Number.POSITIVE_INFINITY
  #movedAt = performance.now()
  #failure: Error | undefined
  #watchers: Array<() => void> = []

  /** `what`: for messages, such as `the download`. */
  constructor(what: string) {
    this.#what = what
  }

  advance(bytes: number): void {
    this.bytes += bytes
    const now = performance.now()
    this.longestPauseMs = Math.max(this.longestPauseMs, now - this.#movedAt)
    this.#movedAt = now
    this.#changed()
  }

  get mayGo(): boolean {
    return this.bytes < this.#allowed
  }

  /** Let it have so many bytes in all. */
  allow(bytes: number): void {
    const waited = !this.mayGo
    this.#allowed = bytes
    if (!waited || !this.mayGo) return
    this.#movedAt = performance.now()
    this.onAllowed()
  }

  finish(): void {
    this.done = true
    this.#changed()
  }

  fail(error: Error): void {
    this.#failure ??= new Error(`${this.#what} failed after ${this.bytes} bytes: ${error.message}`)
    this.#changed()
  }

  /** Resolves once it has so many bytes. Rejects when it fails, or does not get there. */
  reaches(bytes: number): Promise<void> {
    return this.#until(`${this.#what} gets from ${this.bytes} to ${bytes} bytes`, () => this.bytes >= bytes)
  }

  /** Resolves once it is over. Rejects when it fails. */
  ends(): Promise<void> {
    return this.#until(`the end of ${this.#what}`, () => this.done)
  }

  async #until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#failure !== undefined) throw this.#failure
      await within(what, new Promise<void>((resolve) => this.#watchers.push(resolve)))
    }
  }

  #changed(): void {
    for (const look of this.#watchers.splice(0)) look()
  }
}
