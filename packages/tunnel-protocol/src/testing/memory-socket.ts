import { Duplex } from 'node:stream'

/** Bytes each side holds before the other one has to wait: those of the edge's and the origin's sockets. */
const HIGH_WATER_BYTES = 64 * 1024

/**
 * One end of an in-memory connection that behaves as a TCP socket with half-close does, and moves only while the event loop turns:
 * after `await turn()` everything that could happen has happened.
 */
export class MemorySocket extends Duplex {
  peer!: MemorySocket
  readonly remoteAddress = '127.0.0.1'
  readonly localPort = 80
  #ended = false
  #taken: (() => void) | undefined

  constructor(highWaterMark: number) {
    // As net.Socket does, 'close' says whether it was an error that closed it.
    super({ allowHalfOpen: true, emitClose: false, highWaterMark })
  }

  setNoDelay(): this {
    return this
  }

  setTimeout(): this {
    return this
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  resetAndDestroy(): this {
    if (!this.destroyed) this.peer.broken()
    this.#ended = true
    return this.destroy()
  }

  /** The other end has reset the connection. */
  broken(): void {
    this.#ended = true
    this.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
  }

  override _read(): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.peer.destroyed && chunk.length > 0) {
      callback(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
      return
    }
    if (chunk.length === 0) callback()
    else this.peer.#arrive(chunk, callback)
  }

  override _final(callback: () => void): void {
    this.#sendEnd()
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#sendEnd()
    const taken = this.#taken
    this.#taken = undefined
    taken?.()
    callback(error)
    process.nextTick(() => this.emit('close', error !== null))
  }

  #arrive(chunk: Buffer, taken: () => void): void {
    if (this.push(Buffer.from(chunk))) taken()
    else this.#taken = taken
  }

  #sendEnd(): void {
    if (this.#ended) return
    this.#ended = true
    if (!this.peer.destroyed) this.peer.push(null)
  }
}

/** Two ends of one connection. */
export function socketPair(highWaterMark = HIGH_WATER_BYTES): [MemorySocket, MemorySocket] {
  const a = new MemorySocket(highWaterMark)
  const b = new MemorySocket(highWaterMark)
  a.peer = b
  b.peer = a
  return [a, b]
}

/** Let everything happen that needs no time: so many turns of the event loop. */
export async function settle(turns = 20): Promise<void> {
  for (let i = 0; i < turns; i++) await turn()
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
