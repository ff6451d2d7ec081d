import { ByteQueue } from '../byte-queue.js'
import { type ByteWriter, writeChunk } from './chunked.js'

/** The part of a socket that an outlet needs. */
export interface OutletSocket extends ByteWriter {
  /** More was written than its high-water mark; 'drain' will come. */
  readonly writableNeedDrain: boolean
}

/** Where the bytes come from: a stream, which sends more only for credit. */
export interface OutletSource {
  /** So many bytes have been passed on to the kernel. */
  consumed(bytes: number): void
}

/** Pieces below this wait here rather than in the socket while that is full. In bytes. */
const SMALL_BYTES = 16 * 1024

/**
 * The way out of a session: writes one stream's bytes to a socket, and gives credit for them as the kernel takes them.
 * While the socket is full, small pieces are gathered here, where they cost what they hold. Belongs to a connection and serves
 * its exchanges one after another.
 */
export class Outlet {
  readonly #socket: OutletSocket
  readonly #waiting = new ByteQueue()
  #source: OutletSource | undefined
  /** The pieces in #waiting become chunks (RFC 9112 section 7.1). */
  #chunked = false
  /** Bytes that the socket has taken and the kernel has not; credit for them is owed. */
  #unconsumed = 0
  #onEmpty: (() => void) | undefined

  constructor(socket: OutletSocket) {
    this.#socket = socket
  }

  /** Serve the next exchange. */
  begin(source: OutletSource): void {
    this.#source = source
    this.#unconsumed = 0
    this.#onEmpty = undefined
    if (this.#waiting.bytes > 0) this.#waiting.clear()
  }

  /** Write `part`, as a chunk if so wanted; the same for all parts of one body. */
  write(part: Buffer, chunked: boolean): void {
    if (this.#waiting.bytes > 0 || (part.length < SMALL_BYTES && this.#socket.writableNeedDrain)) {
      this.#chunked = chunked
      this.#waiting.push(part)
      return
    }
    const more = chunked ? writeChunk(this.#socket, part) : this.#socket.write(part)
    if (more) this.#source?.consumed(part.length)
    else this.#unconsumed += part.length
  }

  /** Nothing waits here: what is written to the socket now comes behind the body. */
  get empty(): boolean {
    return this.#waiting.bytes === 0
  }

  /** Call once when nothing waits any more. */
  whenEmpty(then: () => void): void {
    this.#onEmpty = then
  }

  /** The socket emitted 'drain'. */
  drained(): void {
    const bytes = this.#unconsumed
    this.#unconsumed = 0
    if (bytes > 0) this.#source?.consumed(bytes)
    this.flush()
  }

  /** Give the socket all that waits, full or not. */
  flush(): void {
    if (this.#waiting.bytes > 0) this.#writeWaiting()
    const onEmpty = this.#onEmpty
    this.#onEmpty = undefined
    onEmpty?.()
  }

  #writeWaiting(): void {
    const bytes = this.#waiting.bytes
    let more = true
    this.#socket.cork()
    for (let part = this.#waiting.shift(); part !== undefined; part = this.#waiting.shift()) {
      more = this.#chunked ? writeChunk(this.#socket, part) : this.#socket.write(part)
    }
    this.#socket.uncork()
    if (more) this.#source?.consumed(bytes)
    else this.#unconsumed += bytes
  }
}
