import { TunnelError } from '../errors.js'
import type { WindowBudget } from './window-budget.js'

/** How a window may grow while its reader keeps up. */
export interface WindowGrowth {
  /** Largest window, in bytes. */
  maxBytes: number
  budget: WindowBudget
}

/** A window grows by this factor at a time: small objects need no growth, and large ones should not wait long for theirs. */
const GROWTH_FACTOR = 4

/** What we hold of one stream for a slow reader, and the credit we owe for what was read. In bytes. */
export class ReceiveWindow {
  #growth: WindowGrowth | undefined
  #window: number
  #grown = 0
  #held = 0
  #owed = 0

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

  /** Count bytes that were read. Returns the credit to grant now: nothing until half a window is owed, so that grants are few. */
  read(bytes: number): number {
    this.#held -= bytes
    this.#owed += bytes
    if (this.#owed * 2 < this.#window) return 0
    // Whoever has read all there is was waiting for the sender: a larger window helps. A slow reader would only fill it.
    if (this.#held === 0) this.#grow()
    const grant = this.#owed
    this.#owed = 0
    return grant
  }

  /** The stream is over: what its window has grown by is there for others. What is still held may be read, and grows nothing. */
  release(): void {
    if (this.#grown > 0) this.#growth?.budget.giveBack(this.#grown)
    this.#growth = undefined
  }

  #grow(): void {
    if (this.#growth === undefined) return
    const { maxBytes, budget } = this.#growth
    const bytes = Math.min(this.#window * GROWTH_FACTOR, maxBytes) - this.#window
    if (bytes <= 0 || !budget.take(bytes)) return
    this.#grown += bytes
    this.#window += bytes
    this.#owed += bytes
  }
}
