import { TunnelError } from '../errors.js'

/** What we hold of one stream for a slow reader, and the credit we owe for what was read. In bytes. */
export class ReceiveWindow {
  readonly windowBytes: number
  #held = 0
  #owed = 0

  constructor(windowBytes: number) {
    this.windowBytes = windowBytes
  }

  /** Bytes received and not yet read. */
  get heldBytes(): number {
    return this.#held
  }

  /** Count received bytes. Throws TUN_ERR_FLOW_CONTROL when the peer had no credit for them. */
  hold(bytes: number): void {
    if (this.#held + this.#owed + bytes > this.windowBytes) {
      throw new TunnelError(
        'TUN_ERR_FLOW_CONTROL',
        `the peer sent ${bytes} bytes beyond its window of ${this.windowBytes}`,
      )
    }
    this.#held += bytes
  }

  /** Count bytes that were read. Returns the credit to grant now: nothing until half a window is owed, so that grants are few. */
  read(bytes: number): number {
    this.#held -= bytes
    this.#owed += bytes
    if (this.#owed * 2 < this.windowBytes) return 0
    const grant = this.#owed
    this.#owed = 0
    return grant
  }
}
