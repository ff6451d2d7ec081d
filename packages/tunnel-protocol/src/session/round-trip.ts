/** How long the quickest answer on one link has taken, in milliseconds: what the way takes when nothing waits on it. */
export class RoundTrip {
  #ms: number | undefined

  /** `ms`: what is known already. */
  constructor(ms?: number) {
    this.#ms = ms
  }

  /** Undefined until there has been an answer. */
  get ms(): number | undefined {
    return this.#ms
  }

  /** Something that takes a round trip at least has taken so long. */
  measured(ms: number): void {
    if (this.#ms === undefined || ms < this.#ms) this.#ms = ms
  }
}
