import { FRAME_HEADER_BYTES, FrameFlag, FrameType } from '../constants.js'
import { type FrameHeader, readHeader } from './header.js'

export interface FrameSink {
  /** A whole frame other than DATA, whose payload is `bytes` from `start` to `end`. Views of them may be kept. */
  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void
  /** Some bytes of a DATA frame, as they arrive. `end` comes with the last part of a frame that carries the END flag. */
  onData(streamId: number, part: Buffer, end: boolean): void
}

const known = new Set<number>(Object.values(FrameType))

/**
 * Cuts the bytes of a link into frames. Where one message of the link ends says nothing about where a frame ends.
 * DATA passes through as views of the chunks it came in; every other frame is held until it is whole.
 * Throws TunnelError on bytes that can't be a frame; after that the reader is not to be used again.
 */
export class FrameReader {
  readonly #sink: FrameSink
  readonly #header: FrameHeader = { type: 0, flags: 0, streamId: 0, length: 0 }
  readonly #partialHeader = Buffer.alloc(FRAME_HEADER_BYTES)
  #partialHeaderBytes = 0
  #inPayload = false
  /** Payload bytes of the current frame still to come. */
  #missing = 0
  /** Collects the payload of a frame that did not come in one chunk. */
  #held: Buffer | null = null

  constructor(sink: FrameSink) {
    this.#sink = sink
  }

  push(chunk: Buffer): void {
    let offset = 0
    while (true) {
      if (!this.#inPayload) {
        const next = this.#readHeader(chunk, offset)
        if (next < 0) return
        offset = next
        this.#inPayload = true
        this.#missing = this.#header.length
      }
      if (offset === chunk.length && this.#missing > 0) return
      offset = this.#readPayload(chunk, offset)
    }
  }

  /** Returns the offset behind the header, or -1 when the chunk ends before it. */
  #readHeader(chunk: Buffer, offset: number): number {
    const available = chunk.length - offset
    if (this.#partialHeaderBytes === 0 && available >= FRAME_HEADER_BYTES) {
      readHeader(chunk, offset, this.#header)
      return offset + FRAME_HEADER_BYTES
    }
    const taken = Math.min(available, FRAME_HEADER_BYTES - this.#partialHeaderBytes)
    chunk.copy(this.#partialHeader, this.#partialHeaderBytes, offset, offset + taken)
    this.#partialHeaderBytes += taken
    if (this.#partialHeaderBytes < FRAME_HEADER_BYTES) return -1
    this.#partialHeaderBytes = 0
    readHeader(this.#partialHeader, 0, this.#header)
    return offset + taken
  }

  #readPayload(chunk: Buffer, offset: number): number {
    const { type, flags, streamId, length } = this.#header
    const taken = Math.min(this.#missing, chunk.length - offset)
    const end = offset + taken
    this.#missing -= taken
    const complete = this.#missing === 0
    if (complete) this.#inPayload = false

    if (type === FrameType.Data) {
      this.#sink.onData(streamId, chunk.subarray(offset, end), complete && (flags & FrameFlag.End) !== 0)
    } else if (known.has(type)) {
      if (complete && this.#held === null) {
        this.#sink.onFrame(type, flags, streamId, chunk, offset, end)
      } else {
        this.#held ??= Buffer.allocUnsafe(length)
        chunk.copy(this.#held, length - this.#missing - taken, offset, end)
        if (complete) {
          const payload = this.#held
          this.#held = null
          this.#sink.onFrame(type, flags, streamId, payload, 0, length)
        }
      }
    }
    return end
  }
}
