/**
 * Bytes by which the windows of many streams may grow together. Growing is a favour, so nobody waits for it:
 * where the budget is spent, a window stays as it is.
 */
export class WindowBudget {
  readonly #limit: number
  readonly #parent: WindowBudget | undefined
  #used = 0

  /** `parent`: a larger budget that this one is a part of. */
  constructor(limitBytes: number, parent?: WindowBudget) {
    this.#limit = limitBytes
    this.#parent = parent
  }

  get usedBytes(): number {
    return this.#used
  }

  /** What can still be taken. */
  get leftBytes(): number {
    const left = this.#limit - this.#used
    return this.#parent === undefined ? left : Math.min(left, this.#parent.leftBytes)
  }

  /** Take all of `bytes`, or nothing and return false. */
  take(bytes: number): boolean {
    if (this.#used + bytes > this.#limit) return false
    if (this.#parent?.take(bytes) === false) return false
    this.#used += bytes
    return true
  }

  giveBack(bytes: number): void {
    this.#used -= bytes
    this.#parent?.giveBack(bytes)
  }
}
