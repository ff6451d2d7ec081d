import { TunnelError } from '../errors.js'
import type { WindowBudget } from './window-budget.js'
import { WindowTuner, type WindowTuning } from './window-tuner.js'

/** How a window may grow while its reader keeps up. */
export interface WindowGrowth {
  /** To how many bytes any window grows. */
  maxBytes: number
  budget: WindowBudget
  /** What comes after that; undefined: nothing. */
  tuning?: WindowTuning
}

/** A window grows by this factor at a time: small objects need no growth, and large ones should not wait long for theirs. */
const GROWTH_FACTOR = 4
/** Credit is granted for so many bytes at a time, or for half of a window that is small. */
const GRANT_BYTES = 64 * 1024
/** Of a large window for this part: TCP takes a way on which many small packets go for a busy one, see docs/decisions/016. */
const GRANT_SHARE = 1 / 6

/** What we hold of one stream for a slow reader, and the credit we owe for what was read. In bytes. */
export class ReceiveWindow {
  #growth: WindowGrowth | undefined
  #window: number
  #grown = 0
  #held = 0
  #owed = 0
  /** There was a moment with nothing to read since credit was granted last. */
  #starved = false
  #tuner: WindowTuner | undefined

  /** Without `growth` the window stays as it is. */
  constructor(windowBytes: number, growth?: WindowGrowth) {
    this.#window = windowBytes
    this.#growth = growth
  }

  get windowBytes(): number {
    return this.#window
  }

  /** Bytes received and not yet read. */
  get heldBytes(): number {
    return this.#held
  }

  /** Count received bytes. Throws TUN_ERR_FLOW_CONTROL when the peer had no credit for them. */
  hold(bytes: number): void {
    if (this.#held + this.#owed + bytes > this.#window) {
      throw new TunnelError('TUN_ERR_FLOW_CONTROL', `the peer sent ${bytes} bytes beyond its window of ${this.#window}`)
    }
    this.#held += bytes
  }

  /** Count bytes that were read. Returns the credit to grant now: nothing until a good part of the window is owed, so that grants are few. */
  read(bytes: number): number {
    this.#held -= bytes
    this.#owed += bytes
    if (this.#held === 0) this.#starved = true
    if (this.#owed < Math.min(this.#window / 2, Math.max(GRANT_BYTES, this.#window * GRANT_SHARE))) return 0
    if (this.#growth !== undefined) this.#adjust(this.#growth)
    const grant = this.#owed
    this.#owed = 0
    this.#starved = false
    return grant
  }

  /** The stream is over: what its window has grown by is there for others. What is still held may be read, and grows nothing. */
  release(): void {
    if (this.#grown > 0) this.#growth?.budget.giveBack(this.#grown)
    this.#growth = undefined
    this.#tuner?.release()
    this.#tuner = undefined
  }

  #adjust({ maxBytes, budget, tuning }: WindowGrowth): void {
    if (this.#window < maxBytes) {
      // Whoever has had nothing to read was waiting for the sender: a larger window helps. A slow reader would only fill it.
      const more = Math.min(this.#window * GROWTH_FACTOR, maxBytes) - this.#window
      if (!this.#starved || !budget.take(more)) return
      this.#grown += more
      this.#change(more)
    } else if (this.#tuner !== undefined) {
      this.#change(this.#tuner.adjust(this.#window, this.#owed))
    } else if (tuning !== undefined) {
      this.#tuner = new WindowTuner(this.#window, tuning)
    }
  }

  #change(bytes: number): void {
    this.#window += bytes
    this.#owed += bytes
  }
}
