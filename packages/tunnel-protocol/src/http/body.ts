import { type ErrorCode, TunnelError } from '../errors.js'
import type { Framing } from './head.js'
import { HEADER_LINES } from './syntax.js'

export interface BodySink {
  /** Payload bytes, without chunk framing, as views of the chunk given to feed(). */
  onBody(part: Buffer): void
  /** The body is complete. `trailers` are header lines, empty for none. */
  onBodyEnd(trailers: string): void
}

const MAX_CHUNK_LINE_BYTES = 4 * 1024
const MAX_TRAILER_BYTES = 16 * 1024
/** RFC 9112 section 7.1: hex digits, then extensions that nothing here understands and everything ignores. */
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/

/**
 * Finds the end of one body in a run of bytes (RFC 9112 sections 6 and 7.1). Strict: line ends are CRLF, chunk sizes are hex digits.
 * Framing `close` never ends by itself. Throws TunnelError with the code given on anything malformed.
 */
export class BodyReader {
  readonly #sink: BodySink
  readonly #code: ErrorCode
  readonly #framing: Framing
  #state: 'data' | 'size' | 'dataEnd' | 'trailers' | 'done'
  /** Bytes of the body, or of the current chunk, still to come. */
  #left: number
  /** A line, or the trailers, that did not come in one piece. */
  #line = ''

  constructor(framing: Framing, contentLength: number, sink: BodySink, code: ErrorCode) {
    this.#sink = sink
    this.#code = code
    this.#framing = framing
    this.#left = framing === 'length' ? contentLength : framing === 'close' ? Number.POSITIVE_INFINITY : 0
    this.#state = framing === 'none' ? 'done' : framing === 'chunked' ? 'size' : 'data'
  }

  get done(): boolean {
    return this.#state === 'done'
  }

  /** Read from `offset` on. Returns the offset behind what belongs to the body. */
  feed(chunk: Buffer, offset: number): number {
    while (this.#state !== 'done' && offset < chunk.length) {
      switch (this.#state) {
        case 'data':
          offset = this.#readData(chunk, offset)
          break
        case 'size':
          offset = this.#readSize(chunk, offset)
          break
        case 'dataEnd':
          offset = this.#readDataEnd(chunk, offset)
          break
        case 'trailers':
          offset = this.#readTrailers(chunk, offset)
      }
    }
    return offset
  }

  #readData(chunk: Buffer, offset: number): number {
    const end = chunk.length - offset > this.#left ? offset + this.#left : chunk.length
    this.#left -= end - offset
    const ended = this.#left === 0
    if (ended) this.#state = this.#framing === 'chunked' ? 'dataEnd' : 'done'
    this.#sink.onBody(offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end))
    if (ended && this.#framing === 'length') this.#sink.onBodyEnd('')
    return end
  }

  #readSize(chunk: Buffer, offset: number): number {
    const end = this.#collect(chunk, offset, MAX_CHUNK_LINE_BYTES)
    if (end < 0) return chunk.length
    const match = CHUNK_LINE.exec(this.#line)
    if (match === null) throw new TunnelError(this.#code, 'a chunk size is malformed')
    this.#line = ''
    this.#left = Number.parseInt(match[1]!, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'data'
    return end
  }

  #readDataEnd(chunk: Buffer, offset: number): number {
    const end = this.#collect(chunk, offset, 2)
    if (end < 0) return chunk.length
    if (this.#line !== '') throw new TunnelError(this.#code, 'a chunk is longer than its size')
    this.#state = 'size'
    return end
  }

  #trailers = ''

  #readTrailers(chunk: Buffer, offset: number): number {
    const end = this.#collect(chunk, offset, MAX_TRAILER_BYTES - this.#trailers.length)
    if (end < 0) return chunk.length
    if (this.#line !== '') {
      this.#trailers += `${this.#line}\r\n`
      this.#line = ''
      return end
    }
    if (!HEADER_LINES.test(this.#trailers)) throw new TunnelError(this.#code, 'a trailer line is malformed')
    this.#state = 'done'
    this.#sink.onBodyEnd(this.#trailers)
    return end
  }

  /**
   * Add to #line what comes before the next CRLF. Returns the offset behind it, or -1 when the chunk ends first.
   * A CR at the end of the chunk stays in #line until its LF is here.
   */
  #collect(chunk: Buffer, offset: number, limit: number): number {
    const lineFeed = chunk.indexOf(10, offset)
    const to = lineFeed < 0 ? chunk.length : lineFeed
    if (this.#line.length + to - offset > limit)
      throw new TunnelError(this.#code, 'a line of the chunked body is too long')
    this.#line += chunk.toString('latin1', offset, to)
    if (lineFeed < 0) return -1
    if (!this.#line.endsWith('\r')) throw new TunnelError(this.#code, 'a line of the chunked body does not end in CRLF')
    this.#line = this.#line.slice(0, -1)
    return lineFeed + 1
  }
}
