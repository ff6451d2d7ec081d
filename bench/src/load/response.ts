const HEAD_END = Buffer.from('\r\n\r\n')

/** Counts the responses on one connection. Only Content-Length: every target passes that on, and chunks would cost time here. */
export class ResponseCounter {
  readonly #onStart: (status: number) => void
  readonly #onEnd: () => void
  /** Of the response that is being read. */
  #left = 0
  #reading = false
  /** A head that came in more than one part. */
  #partial: Buffer = Buffer.alloc(0)

  constructor(onStart: (status: number) => void, onEnd: () => void) {
    this.#onStart = onStart
    this.#onEnd = onEnd
  }

  /** Body bytes in this part. Throws when it can't be a response with a Content-Length. */
  feed(bytes: Uint8Array): number {
    let body = 0
    let offset = 0
    while (offset < bytes.length) {
      if (!this.#reading) {
        const consumed = this.#readHead(bytes, offset)
        if (consumed === undefined) return body
        offset = consumed
      }
      const here = Math.min(this.#left, bytes.length - offset)
      this.#left -= here
      offset += here
      body += here
      if (this.#left > 0) continue
      this.#reading = false
      this.#onEnd()
    }
    return body
  }

  /** Where the body starts in `bytes`, or undefined when the head is not complete. */
  #readHead(bytes: Uint8Array, offset: number): number | undefined {
    const before = this.#partial.length
    const rest = Buffer.from(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset)
    const text = before === 0 ? rest : Buffer.concat([this.#partial, rest])
    const end = text.indexOf(HEAD_END)
    if (end === -1) {
      if (text.length > 65_536) throw new Error('a response head without an end')
      this.#partial = Buffer.from(text)
      return undefined
    }
    this.#partial = Buffer.alloc(0)
    const head = text.toString('latin1', 0, end)
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    if (status === 0 || length === undefined) throw new Error(`not a response with a Content-Length: ${head}`)
    this.#reading = true
    this.#left = Number(length)
    this.#onStart(status)
    return offset + end + HEAD_END.length - before
  }
}
