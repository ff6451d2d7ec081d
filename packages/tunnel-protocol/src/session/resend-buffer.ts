import { TunnelError } from '../errors.js'

/** So many parts are kept as they came, then they are looked at together. */
const LOOSE_PARTS = 8
/** Parts that have fewer bytes than this together are copied into one. */
const COPY_BELOW_BYTES = 32 * 1024

/**
 * What was handed to a link and the peer has not acknowledged: the bytes to send again on a new link. Bytes are counted from the
 * beginning of the session. Keeps views, not copies, but for small ones that stay: each is part of a slab that sessions share
 * (see FrameBatch), and a session that says little, for long, would hold a whole slab with every word.
 */
export class ResendBuffer {
  #parts: Buffer[] = []
  /** Index of the first part that is still kept: taking parts off the front one by one would move all others each time. */
  #first = 0
  /** Index of the first part that is as it came. */
  #loose = 0
  #start = 0
  #end = 0

  /** Bytes sent since the session began. */
  get sentBytes(): number {
    return this.#end
  }

  get keptBytes(): number {
    return this.#end - this.#start
  }

  push(parts: Buffer[]): void {
    for (let i = 0; i < parts.length; i++) {
      this.#parts.push(parts[i]!)
      this.#end += parts[i]!.length
    }
    if (this.#parts.length - this.#loose >= LOOSE_PARTS) this.#tie()
  }

  #tie(): void {
    let bytes = 0
    for (let i = this.#loose; i < this.#parts.length; i++) bytes += this.#parts[i]!.length
    if (bytes < COPY_BELOW_BYTES) {
      const tied = Buffer.allocUnsafeSlow(bytes)
      let at = 0
      for (const part of this.#parts.splice(this.#loose)) {
        tied.set(part, at)
        at += part.length
      }
      this.#parts.push(tied)
    }
    this.#loose = this.#parts.length
  }

  /** The peer has everything before `offset`. Late news mean nothing. Throws TUN_ERR_PROTOCOL for bytes that were never sent. */
  acknowledge(offset: number): void {
    if (offset > this.#end) {
      throw new TunnelError('TUN_ERR_PROTOCOL', `the peer acknowledges ${offset} bytes, ${this.#end} were sent`)
    }
    if (offset === this.#end) {
      this.clear()
      return
    }
    while (this.#first < this.#parts.length && this.#start + this.#parts[this.#first]!.length <= offset) {
      this.#start += this.#parts[this.#first]!.length
      this.#first++
    }
    this.#loose = Math.max(this.#loose, this.#first)
    if (offset > this.#start) {
      this.#parts[this.#first] = this.#parts[this.#first]!.subarray(offset - this.#start)
      this.#start = offset
    }
    if (this.#first * 2 >= this.#parts.length) {
      this.#parts = this.#parts.slice(this.#first)
      this.#loose -= this.#first
      this.#first = 0
    }
  }

  /** Everything behind `offset`, which counts as acknowledged. Throws TUN_ERR_PROTOCOL where that is not kept. */
  from(offset: number): Buffer[] {
    if (offset < this.#start) {
      throw new TunnelError(
        'TUN_ERR_PROTOCOL',
        `the peer asks for bytes from ${offset} on, those before ${this.#start} are gone`,
      )
    }
    this.acknowledge(offset)
    return this.#parts.slice(this.#first)
  }

  clear(): void {
    this.#parts.length = 0
    this.#first = 0
    this.#loose = 0
    this.#start = this.#end
  }
}
