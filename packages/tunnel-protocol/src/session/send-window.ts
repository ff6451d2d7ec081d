import { TunnelError } from '../errors.js'

/** Credit we may spend on one stream, in bytes. */
export class SendWindow {
  #credit: number

  constructor(initialBytes: number) {
    this.#credit = initialBytes
  }

  get credit(): number {
    return this.#credit
  }

  /** Spend up to `bytes` and return how many may be sent now. */
  take(bytes: number): number {
    const taken = Math.min(bytes, this.#credit)
    this.#credit -= taken
    return taken
  }

  /** Add what the receiver granted. Throws TUN_ERR_FLOW_CONTROL when the sum leaves 2^31-1: no honest peer grants that much. */
  add(bytes: number): void {
    if (this.#credit + bytes > 0x7fff_ffff) {
      throw new TunnelError('TUN_ERR_FLOW_CONTROL', `credit of ${bytes} bytes on top of ${this.#credit} is over 2^31-1`)
    }
    this.#credit += bytes
  }
}
