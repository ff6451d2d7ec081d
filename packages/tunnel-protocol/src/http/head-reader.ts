import { TunnelError } from '../errors.js'

const HEAD_END = Buffer.from('\r\n\r\n')

/**
 * Cuts one message head out of a run of bytes that may come in pieces of any size.
 * Keeps at most `maxBytes`; throws TUN_ERR_HEAD_TOO_LARGE beyond, TUN_ERR_BAD_REQUEST on line ends other than CRLF.
 */
export class HeadReader {
  readonly #maxBytes: number
  #kept: Buffer | null = null

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
    // Empty lines in front of a message are ignored (RFC 9112 section 2.2).
    if (this.#kept === null) {
      while (offset < chunk.length && (chunk[offset] === 13 || chunk[offset] === 10)) offset++
      if (offset === chunk.length) {
        this.end = offset
        return undefined
      }
      const at = chunk.indexOf(HEAD_END, offset)
      if (at >= 0 && at - offset <= this.#maxBytes) {
        this.end = at + 4
        return chunk.toString('latin1', offset, at + 2)
      }
      this.#keep(chunk.subarray(offset), 0, at)
      return undefined
    }
    const before = this.#kept.length
    const all = Buffer.concat([this.#kept, chunk.subarray(offset)])
    const at = all.indexOf(HEAD_END, Math.max(0, before - 3))
    if (at >= 0 && at <= this.#maxBytes) {
      this.#kept = null
      this.end = offset + at + 4 - before
      return all.toString('latin1', 0, at + 2)
    }
    this.#keep(all, before, at)
    return undefined
  }

  /** Keep an unfinished head, of which `checked` bytes were kept before. `at` is where it ends, if it does beyond the limit. */
  #keep(bytes: Buffer, checked: number, at: number): void {
    // Up to three bytes of the end may be here already; they don't count.
    if (at >= 0 || bytes.length > this.#maxBytes + 3) {
      throw new TunnelError('TUN_ERR_HEAD_TOO_LARGE', `the head is over ${this.#maxBytes} bytes`)
    }
    for (let lineFeed = bytes.indexOf(10, checked); lineFeed >= 0; lineFeed = bytes.indexOf(10, lineFeed + 1)) {
      if (bytes[lineFeed - 1] !== 13) throw new TunnelError('TUN_ERR_BAD_REQUEST', 'lines must end in CRLF')
    }
    this.#kept = bytes
  }
}
