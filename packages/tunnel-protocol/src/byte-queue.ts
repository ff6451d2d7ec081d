/** Pieces below this are copied together; larger ones are kept as the views they are. In bytes. */
const SMALL_BYTES = 16 * 1024
const FIRST_BLOCK_BYTES = 1024
const MAX_BLOCK_BYTES = 32 * 1024

/**
 * Bytes that wait, in order. What is kept costs about its own size, however small the pieces it came in and however large
 * the buffers that they are views of: otherwise a peer could make a kilobyte of one-byte pieces hold megabytes.
 */
export class ByteQueue {
  #parts: Buffer[] = []
  /** Where small pieces are gathered: those from #start to #end have not become a part yet. */
  #block: Buffer | null = null
  #start = 0
  #end = 0
  #bytes = 0

  /** Bytes waiting. */
  get bytes(): number {
    return this.#bytes
  }

  push(piece: Buffer): void {
    this.#bytes += piece.length
    if (piece.length >= SMALL_BYTES) {
      this.#seal()
      this.#parts.push(piece)
      return
    }
    if (this.#block === null || this.#block.length - this.#end < piece.length) {
      this.#seal()
      const room = Math.min(MAX_BLOCK_BYTES, Math.max(FIRST_BLOCK_BYTES, this.#bytes))
      this.#block = Buffer.allocUnsafe(Math.max(room, piece.length))
      this.#start = 0
      this.#end = 0
    }
    this.#block.set(piece, this.#end)
    this.#end += piece.length
  }

  /** Take up to `maxBytes` from the front; undefined when nothing waits. Less than is there where that would need a copy. */
  shift(maxBytes = Number.POSITIVE_INFINITY): Buffer | undefined {
    if (this.#parts.length === 0) this.#seal()
    const first = this.#parts[0]
    if (first === undefined) return undefined
    if (first.length > maxBytes) {
      this.#parts[0] = first.subarray(maxBytes)
      this.#bytes -= maxBytes
      return first.subarray(0, maxBytes)
    }
    this.#parts.shift()
    this.#bytes -= first.length
    return first
  }

  clear(): void {
    this.#parts = []
    this.#block = null
    this.#start = 0
    this.#end = 0
    this.#bytes = 0
  }

  /** Make a part of what has been gathered; the rest of the block is used for what comes next. */
  #seal(): void {
    if (this.#end === this.#start) return
    this.#parts.push(this.#block!.subarray(this.#start, this.#end))
    this.#start = this.#end
  }
}
