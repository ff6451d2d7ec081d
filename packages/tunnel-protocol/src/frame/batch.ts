import { FRAME_HEADER_BYTES } from '../constants.js'
import { writeHeader } from './header.js'

/** Payloads of at least this many bytes travel as they are; smaller ones are copied beside their headers. */
const COPY_BELOW_BYTES = 8 * 1024
const SLAB_BYTES = 16 * 1024

/** Where headers and small payloads are copied to: append-only, shared by all batches so that an idle session owns none. */
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
let slabUsed = 0

/**
 * Gathers the frames of one event-loop turn: headers and small payloads copied into a slab, bulk payloads as views between them,
 * so that one `writev` sends everything and no bulk byte is copied.
 */
export class FrameBatch {
  #parts: Buffer[] = []
  #bytes = 0
  /** The run of slab bytes that is ours and not yet in #parts. */
  #run: Buffer = slab
  #from = 0
  #to = 0

  /** Bytes gathered since the last take(). */
  get bytes(): number {
    return this.#bytes
  }

  add(type: number, flags: number, streamId: number, payload: Buffer): void {
    const length = payload.length
    const copied = length < COPY_BELOW_BYTES
    this.#reserve(copied ? FRAME_HEADER_BYTES + length : FRAME_HEADER_BYTES)
    this.#to = writeHeader(slab, this.#to, type, flags, streamId, length)
    if (copied) {
      slab.set(payload, this.#to)
      this.#to += length
    }
    slabUsed = this.#to
    this.#bytes += FRAME_HEADER_BYTES + length
    if (copied) return
    this.#cut()
    this.#parts.push(payload)
  }

  /** Everything gathered, in order. The buffers belong to the caller from now on. */
  take(): Buffer[] {
    this.#cut()
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    return parts
  }

  /** Make #to the place of `bytes` free bytes in the slab, right behind our run unless another batch has written since. */
  #reserve(bytes: number): void {
    const full = slabUsed + bytes > slab.length
    if (!full && this.#run === slab && this.#to === slabUsed) return
    this.#cut()
    if (full) {
      slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
      slabUsed = 0
    }
    this.#run = slab
    this.#from = slabUsed
    this.#to = slabUsed
  }

  #cut(): void {
    if (this.#to === this.#from) return
    this.#parts.push(this.#run.subarray(this.#from, this.#to))
    this.#from = this.#to
  }
}
