/** Pieces of at least this many bytes go out as they are; smaller ones, and text, are copied side by side. */
const COPY_BELOW_BYTES = 8 * 1024
const SLAB_BYTES = 16 * 1024

/** Where text and small pieces are copied to: append-only, shared by all so that who has nothing to say owns none. */
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
let slabUsed = 0

/**
 * Gathers what is to be written to one socket: text and small pieces copied into a slab, bulk pieces as views between them, so that
 * one system call sends everything and no bulk byte is copied.
 */
export class Gather {
  #parts: Buffer[] = []
  #bytes = 0
  /** The run of slab bytes that is ours and not yet in #parts. */
  #run: Buffer = slab
  #from = 0
  #to = 0
  readonly #headroom: number

  /** `headroom`: bytes left free in front of what take() gives out, for whoever puts something there. Not with bulk in front. */
  constructor(headroom = 0) {
    this.#headroom = headroom
  }

  /** Bytes gathered since the last take(). */
  get bytes(): number {
    return this.#bytes
  }

  /** What room() gives offsets in. */
  get slab(): Buffer {
    return slab
  }

  /** Make room for `bytes`, 8 KiB at most, behind what was gathered before. Returns the offset in `slab` to fill at once. */
  room(bytes: number): number {
    const headroom = this.#bytes === 0 ? this.#headroom : 0
    const full = slabUsed + headroom + bytes > SLAB_BYTES
    // Right behind our run, unless another one has written since.
    if (full || headroom > 0 || this.#run !== slab || this.#to !== slabUsed) {
      this.#cut()
      if (full) {
        slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
        slabUsed = 0
      }
      this.#run = slab
      this.#from = slabUsed + headroom
      this.#to = this.#from
    }
    const at = this.#to
    this.#to += bytes
    slabUsed = this.#to
    this.#bytes += bytes
    return at
  }

  /** Add text, as latin1. */
  text(text: string): void {
    if (text.length >= COPY_BELOW_BYTES) {
      this.piece(Buffer.from(text, 'latin1'))
      return
    }
    const at = this.room(text.length)
    slab.write(text, at, text.length, 'latin1')
  }

  /** Add bytes, which must not change until they are written. */
  piece(piece: Buffer): void {
    if (piece.length < COPY_BELOW_BYTES) {
      const at = this.room(piece.length)
      slab.set(piece, at)
      return
    }
    this.#cut()
    this.#parts.push(piece)
    this.#bytes += piece.length
  }

  /** Everything gathered, in order. The buffers belong to the caller from now on. */
  take(): Buffer[] {
    this.#cut()
    const parts = this.#parts
    this.#parts = []
    this.#bytes = 0
    return parts
  }

  #cut(): void {
    if (this.#to === this.#from) return
    this.#parts.push(this.#run.subarray(this.#from, this.#to))
    this.#from = this.#to
  }
}
