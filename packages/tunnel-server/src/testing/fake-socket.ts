import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** The visitor's end of a socket without a network: sends when told, and reads only while it is not `stuck`. */
export class FakeSocket extends Duplex {
  remoteAddress: string
  localPort = 80
  bytesRead = 0
  wasReset = false
  /** Everything the visitor has read. */
  received = ''
  #stuck = false
  #blocked: (() => void) | undefined

  constructor(remoteAddress = '192.0.2.1') {
    super({ highWaterMark: 64 * 1024, decodeStrings: false, allowHalfOpen: true })
    this.remoteAddress = remoteAddress
  }

  get socket(): Socket {
    return this as unknown as Socket
  }

  get bytesWritten(): number {
    return this.received.length + this.writableLength
  }

  /** The visitor reads nothing, or goes on reading. */
  set stuck(stuck: boolean) {
    this.#stuck = stuck
    if (!stuck) this.readOnce()
  }

  /** A visitor who is stuck reads what the kernel has. */
  readOnce(): void {
    const blocked = this.#blocked
    this.#blocked = undefined
    blocked?.()
  }

  /** The visitor sends. */
  say(text: string): void {
    this.bytesRead += text.length
    this.push(Buffer.from(text, 'latin1'))
  }

  /** The visitor sends nothing more. */
  sayEnd(): void {
    this.push(null)
  }

  override _read(): void {}

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    const take = () => {
      this.received += typeof chunk === 'string' ? chunk : chunk.toString('latin1')
      done()
    }
    if (this.#stuck) this.#blocked = take
    else take()
  }

  resetAndDestroy(): this {
    this.wasReset = true
    return this.destroy()
  }
}
