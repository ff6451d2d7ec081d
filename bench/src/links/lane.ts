import type { Socket } from 'node:net'

/** Bytes on their way, beyond which the sender has to wait: what a slow line holds is bounded. */
const MAX_HELD_BYTES = 1024 * 1024

/** How a line carries what it carries; without one, as fast as it can. */
export interface Pace {
  /** Asked for each part, in milliseconds. Parts of one direction keep their order. */
  delayMs?: () => number
  bytesPerSecond?: number
}

/** One direction of a connection. */
export class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #pace: () => Pace | undefined
  /** Write as much of a part as may pass. */
  readonly #pass: (to: Socket, bytes: Buffer) => void
  readonly #held: Array<{ bytes: Buffer; dueAt: number }> = []
  #heldBytes = 0
  #lastDueAt = 0
  #timer: NodeJS.Timeout | undefined
  #stalled = false
  #lost = false

  constructor(from: Socket, to: Socket, pace: () => Pace | undefined, pass: (to: Socket, bytes: Buffer) => void) {
    this.#from = from
    this.#to = to
    this.#pace = pace
    this.#pass = pass
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    to.on('drain', () => this.#flow())
  }

  /** Bytes on their way. */
  get heldBytes(): number {
    return this.#heldBytes
  }

  /** While true, nothing passes. */
  set stalled(stalled: boolean) {
    this.#stalled = stalled
    this.#flow()
    this.#release()
  }

  /** From now on what comes goes nowhere, and its sender does not notice. */
  lose(): void {
    this.#lost = true
    this.#drop()
    this.#from.resume()
  }

  /** The sender is gone: what it had sent is passed on, and then the receiver learns of it. */
  finish(): void {
    if (this.#lost) return
    for (const { bytes } of this.#held) this.#pass(this.#to, bytes)
    this.#drop()
    this.#to.destroySoon()
  }

  #drop(): void {
    clearTimeout(this.#timer)
    this.#held.length = 0
    this.#heldBytes = 0
  }

  #take(bytes: Buffer): void {
    if (this.#lost) return
    const pace = this.#pace()
    if (pace === undefined && this.#held.length === 0) {
      this.#pass(this.#to, bytes)
    } else {
      const now = performance.now()
      const spentMs = pace?.bytesPerSecond === undefined ? 0 : (bytes.length / pace.bytesPerSecond) * 1_000
      this.#lastDueAt = Math.max(this.#lastDueAt, now + (pace?.delayMs?.() ?? 0)) + spentMs
      this.#held.push({ bytes, dueAt: this.#lastDueAt })
      this.#heldBytes += bytes.length
      if (this.#held.length === 1) this.#release()
    }
    this.#flow()
  }

  /** Pass on what is due, and come back for the rest. */
  readonly #release = (): void => {
    clearTimeout(this.#timer)
    const now = performance.now()
    while (!this.#stalled && this.#held.length > 0 && this.#held[0]!.dueAt <= now) {
      const { bytes } = this.#held.shift()!
      this.#heldBytes -= bytes.length
      this.#pass(this.#to, bytes)
    }
    this.#flow()
    const next = this.#held[0]
    if (next !== undefined && !this.#stalled) this.#timer = setTimeout(this.#release, Math.max(1, next.dueAt - now))
  }

  #flow(): void {
    if (this.#lost) return
    const full = this.#stalled || this.#to.writableNeedDrain || this.#heldBytes > MAX_HELD_BYTES
    if (full) this.#from.pause()
    else this.#from.resume()
  }
}
