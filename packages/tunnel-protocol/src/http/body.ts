import { type ErrorCode, TunnelError } from '../errors.js'
import type { Framing } from './head.js'
import { faultOfTrailers } from './trailers.js'

export interface BodySink {
  /** Payload bytes, without chunk framing, as views of the chunk given to feed(). */
  onBody(part: Buffer): void
  /** The body is complete. `trailers` are header lines, empty for none. */
  onBodyEnd(trailers: string): void
}

const MAX_CHUNK_LINE_BYTES = 4 * 1024
const MAX_TRAILER_BYTES = 16 * 1024
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const QUOTED = String.raw`"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"`
/** RFC 9112 section 7.1: hex digits, then extensions that nothing here understands and everything ignores. */
const CHUNK_LINE = new RegExp(
  String.raw`^([0-9A-Fa-f]{1,13})(?:[\t ]*;[\t ]*${TOKEN}(?:[\t ]*=[\t ]*(?:${TOKEN}|${QUOTED}))?)*$`,
)

const CR = 13
const LF = 10
/** Chunk sizes of so many digits are read without a regular expression: nearly all. */
const PLAIN_DIGITS = 7
const hexValue = new Int8Array(256).fill(-1)
for (const digit of '0123456789abcdefABCDEF') hexValue[digit.charCodeAt(0)] = Number.parseInt(digit, 16)

/** Pieces of chunks below this are copied together: a body in chunks of one byte must not cost a call for each. In bytes. */
const SMALL_PIECE_BYTES = 128
const GATHER_BYTES = 4 * 1024

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
  /** Small pieces of this feed(): those from #gatherStart to #gatherEnd are still to be passed on. */
  #gather: Buffer | null = null
  #gatherStart = 0
  #gatherEnd = 0

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
    this.#passOnGathered()
    return offset
  }

  #readData(chunk: Buffer, offset: number): number {
    const end = chunk.length - offset > this.#left ? offset + this.#left : chunk.length
    this.#left -= end - offset
    const ended = this.#left === 0
    if (ended) this.#state = this.#framing === 'chunked' ? 'dataEnd' : 'done'
    if (this.#framing === 'chunked' && end - offset < SMALL_PIECE_BYTES) {
      this.#gatherPiece(chunk, offset, end)
      return end
    }
    this.#passOnGathered()
    this.#sink.onBody(offset === 0 && end === chunk.length ? chunk : chunk.subarray(offset, end))
    if (ended && this.#framing === 'length') this.#sink.onBodyEnd('')
    return end
  }

  /** What came before the fault is passed on, however it was cut. */
  #malformed(detail: string): TunnelError {
    this.#passOnGathered()
    return new TunnelError(this.#code, detail)
  }

  #gatherPiece(chunk: Buffer, from: number, to: number): void {
    if (this.#gather === null || this.#gather.length - this.#gatherEnd < to - from) {
      this.#passOnGathered()
      this.#gather = Buffer.allocUnsafe(GATHER_BYTES)
      this.#gatherStart = 0
      this.#gatherEnd = 0
    }
    chunk.copy(this.#gather, this.#gatherEnd, from, to)
    this.#gatherEnd += to - from
  }

  #passOnGathered(): void {
    const from = this.#gatherStart
    if (from === this.#gatherEnd) return
    this.#gatherStart = this.#gatherEnd
    this.#sink.onBody(this.#gather!.subarray(from, this.#gatherEnd))
  }

  /** The offset behind a size that is digits and CRLF, all of them here; -1 for any other. */
  #readPlainSize(chunk: Buffer, offset: number): number {
    if (this.#line !== '') return -1
    let size = 0
    let at = offset
    for (; at < offset + PLAIN_DIGITS; at++) {
      const value = hexValue[chunk[at]!] ?? -1
      if (value < 0) break
      size = size * 16 + value
    }
    if (at === offset || chunk[at] !== CR || chunk[at + 1] !== LF) return -1
    this.#left = size
    this.#state = size === 0 ? 'trailers' : 'data'
    return at + 2
  }

  #readSize(chunk: Buffer, offset: number): number {
    const plain = this.#readPlainSize(chunk, offset)
    if (plain >= 0) return plain
    const end = this.#collect(chunk, offset, MAX_CHUNK_LINE_BYTES)
    if (end < 0) return chunk.length
    const match = CHUNK_LINE.exec(this.#line)
    if (match === null) throw this.#malformed('a chunk size is malformed')
    this.#line = ''
    this.#left = Number.parseInt(match[1]!, 16)
    this.#state = this.#left === 0 ? 'trailers' : 'data'
    return end
  }

  #readDataEnd(chunk: Buffer, offset: number): number {
    if (this.#line === '' && chunk[offset] === CR && chunk[offset + 1] === LF) {
      this.#state = 'size'
      return offset + 2
    }
    const end = this.#collect(chunk, offset, 2)
    if (end < 0) return chunk.length
    if (this.#line !== '') throw this.#malformed('a chunk is longer than its size')
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
    const fault = faultOfTrailers(this.#trailers)
    if (fault !== undefined) throw this.#malformed(fault)
    this.#state = 'done'
    this.#passOnGathered()
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
    if (this.#line.length + to - offset > limit) throw this.#malformed('a line of the chunked body is too long')
    this.#line += chunk.toString('latin1', offset, to)
    if (lineFeed < 0) return -1
    if (!this.#line.endsWith('\r')) throw this.#malformed('a line of the chunked body does not end in CRLF')
    this.#line = this.#line.slice(0, -1)
    return lineFeed + 1
  }
}
