import { TunnelError } from '../errors.js'

const HEAD_END = Buffer.from('\r\n\r\n')
const CR = 13
const LF = 10
/** Most heads that come in pieces fit, and what a slow sender costs stays small. */
const FIRST_CAPACITY_BYTES = 512

/**
 * Cuts one message head out of a run of bytes that may come in pieces of any size.
 * Keeps at most `maxBytes`; throws TUN_ERR_HEAD_TOO_LARGE beyond (TUN_ERR_URI_TOO_LONG where all of it is one first line),
 * TUN_ERR_BAD_REQUEST on line ends other than CRLF.
 */
export class HeadReader {
  readonly #maxBytes: number
  /** An unfinished head: the first #length bytes of this. Grows by doubling, so that a head in one-byte pieces costs no more than its size. */
  #kept: Buffer | null = null
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Bytes of an unfinished head are being kept. */
  get started(): boolean {
    return this.#kept !== null
  }

  /**
   * Look for a head at `offset`. Returns it without the empty line (its last line ends in CRLF), or undefined when more bytes are needed;
   * then everything given so far is kept. After a head, `end` is the offset in `chunk` behind it.
   */
  end = 0

  read(chunk: Buffer, offset: number): string | undefined {
    if (this.#kept !== null) return this.#readOn(this.#kept, chunk, offset)
    // Empty lines in front of a message are ignored (RFC 9112 section 2.2).
    while (offset < chunk.length && (chunk[offset] === CR || chunk[offset] === LF)) offset++
    if (offset === chunk.length) {
      this.end = offset
      return undefined
    }
    const at = chunk.indexOf(HEAD_END, offset)
    if (at >= 0 && at - offset <= this.#maxBytes) {
      this.end = at + 4
      return chunk.toString('latin1', offset, at + 2)
    }
    this.#length = 0
    this.#kept = this.#append(Buffer.allocUnsafe(FIRST_CAPACITY_BYTES), chunk, offset)
    this.#check(this.#kept, 0)
    return undefined
  }

  #readOn(kept: Buffer, chunk: Buffer, offset: number): string | undefined {
    const before = this.#length
    const all = this.#append(kept, chunk, offset)
    const at = all.subarray(0, this.#length).indexOf(HEAD_END, Math.max(0, before - 3))
    if (at >= 0) {
      this.#kept = null
      this.end = offset + at + 4 - before
      return all.toString('latin1', 0, at + 2)
    }
    this.#kept = all
    this.#check(all, before)
    return undefined
  }

  /** Add as much of the chunk as a head can have, its end included. Returns the buffer that holds all from now on. */
  #append(kept: Buffer, chunk: Buffer, offset: number): Buffer {
    const taken = Math.min(chunk.length - offset, this.#maxBytes + HEAD_END.length - this.#length)
    const length = this.#length + taken
    let all = kept
    if (length > kept.length) {
      all = Buffer.allocUnsafe(Math.max(length, Math.min(kept.length * 2, this.#maxBytes + HEAD_END.length)))
      kept.copy(all, 0, 0, this.#length)
    }
    chunk.copy(all, this.#length, offset, offset + taken)
    this.#length = length
    return all
  }

  /** Look at an unfinished head, of which `checked` bytes were looked at before. */
  #check(kept: Buffer, checked: number): void {
    const bytes = kept.subarray(0, this.#length)
    for (let lineFeed = bytes.indexOf(LF, checked); lineFeed >= 0; lineFeed = bytes.indexOf(LF, lineFeed + 1)) {
      if (bytes[lineFeed - 1] !== CR) throw new TunnelError('TUN_ERR_BAD_REQUEST', 'lines must end in CRLF')
    }
    const last = bytes.length - 1 // a CR there may get its LF yet
    for (let cr = bytes.indexOf(CR, Math.max(0, checked - 1)); cr >= 0 && cr < last; cr = bytes.indexOf(CR, cr + 1)) {
      if (bytes[cr + 1] !== LF) throw new TunnelError('TUN_ERR_BAD_REQUEST', 'a CR stands without its LF')
    }
    // Up to three bytes of the end may be here already; they don't count.
    if (bytes.length <= this.#maxBytes + 3) return
    if (bytes.includes(LF)) throw new TunnelError('TUN_ERR_HEAD_TOO_LARGE', `the head is over ${this.#maxBytes} bytes`)
    throw new TunnelError('TUN_ERR_URI_TOO_LONG', `the first line is over ${this.#maxBytes} bytes`)
  }
}
