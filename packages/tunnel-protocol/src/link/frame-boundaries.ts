import { headerLength, MAX_HEADER_BYTES, payloadLength } from './websocket-frames.js'

/**
 * Follows the frames of a WebSocket in one direction (RFC 6455 section 5.2) without looking into them: between two frames, and nowhere
 * else, a control frame of one's own may be put. What is no WebSocket has boundaries at odd places, and nothing else goes wrong.
 */
export class FrameBoundaries {
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES)
  #headerBytes = 0
  /** Payload bytes of the current frame still to come. */
  #left = 0

  /** Everything pushed so far ends where a frame ends. */
  get between(): boolean {
    return this.#left === 0 && this.#headerBytes === 0
  }

  /** Go on with what comes next. */
  push(chunk: Buffer): void {
    let offset = 0
    while (offset < chunk.length) offset = this.#step(chunk, offset)
  }

  /** Where in `chunk`, which comes next, the current frame ends: chunk.length + 1 where it goes on behind it. */
  endIn(chunk: Buffer): number {
    let offset = 0
    while (!this.between) {
      if (offset === chunk.length) return chunk.length + 1
      offset = this.#step(chunk, offset)
    }
    return offset
  }

  /** Take one part, of a header or of a payload. Returns the offset behind it. */
  #step(chunk: Buffer, offset: number): number {
    if (this.#left > 0) {
      const taken = Math.min(this.#left, chunk.length - offset)
      this.#left -= taken
      return offset + taken
    }
    const header = this.#header
    const needed = this.#headerBytes < 2 ? 2 : headerLength(header[1]!)
    const taken = Math.min(needed - this.#headerBytes, chunk.length - offset)
    chunk.copy(header, this.#headerBytes, offset, offset + taken)
    this.#headerBytes += taken
    if (this.#headerBytes >= 2 && this.#headerBytes === headerLength(header[1]!)) {
      this.#headerBytes = 0
      this.#left = payloadLength(header)
    }
    return offset + taken
  }
}
