import { ByteQueue } from '../byte-queue.js'
import { Gather } from '../gather.js'
import { writeChunk } from './chunked.js'

/** The part of a socket that an outlet needs. */
export interface OutletSocket {
  cork(): void
  uncork(): void
  write(data: Buffer): boolean
  /** Bytes written that the kernel has not taken. */
  readonly writableLength: number
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
/** No further ones go to a socket that has so much: it does not say that some of it is gone, only when all is. In bytes. */
const FULL_BYTES = 256 * 1024

/** Those who have gathered something in this turn. */
let gathering: Outlet[] = []

function sendAll(): void {
  const outlets = gathering
  gathering = []
  for (let i = 0; i < outlets.length; i++) outlets[i]!.endOfTurn()
}

/**
 * The way out to one socket: gathers what one turn of the event loop has for it into one system call, and gives credit for the bytes
 * of a stream as the kernel takes them. While the socket is full, small pieces wait here, where they cost what they hold. Belongs to a
 * connection and serves its exchanges one after another.
 */
export class Outlet {
  readonly #socket: OutletSocket
  readonly #gather = new Gather()
  /** sendAll() will come by. */
  #scheduled = false
  /** Bytes of the source in #gather. */
  #gathered = 0
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
    this.#gathered = 0
    this.#unconsumed = 0
    this.#onEmpty = undefined
    if (this.#waiting.bytes > 0) this.#waiting.clear()
  }

  /** Write what is not the source's, as latin1: a head, or the end of a chunked body. Only while the outlet is empty. */
  text(text: string): void {
    this.#gather.text(text)
    this.#schedule()
  }

  /** The same for bytes. */
  piece(piece: Buffer): void {
    this.#gather.piece(piece)
    this.#schedule()
  }

  /** Write `part`, as a chunk if so wanted; the same for all parts of one body. */
  write(part: Buffer, chunked: boolean): void {
    const waits = part.length < SMALL_BYTES ? this.#socket.writableNeedDrain : this.#unconsumed >= FULL_BYTES
    if (waits || this.#waiting.bytes > 0) {
      this.#chunked = chunked
      this.#waiting.push(part)
      return
    }
    if (part.length >= SMALL_BYTES && !chunked) {
      // Bulk gains nothing from company, and the reader can begin with it.
      this.send()
      this.#socket.write(part)
      this.pay(part.length)
      return
    }
    this.#gathered += part.length
    if (chunked) writeChunk(this.#gather, part)
    else this.#gather.piece(part)
    this.#schedule()
  }

  /** Nothing waits here: what is written now comes behind the body. */
  get empty(): boolean {
    return this.#waiting.bytes === 0
  }

  /** Call once when nothing waits any more. */
  whenEmpty(then: () => void): void {
    this.#onEmpty = then
  }

  /** Give the socket what was gathered, now rather than at the end of the turn. */
  send(): void {
    if (this.#gather.bytes === 0) return
    const socket = this.#socket
    const parts = this.#gather.take()
    if (parts.length === 1) {
      socket.write(parts[0]!)
    } else {
      socket.cork()
      for (let i = 0; i < parts.length; i++) socket.write(parts[i]!)
      socket.uncork()
    }
    const bytes = this.#gathered
    if (bytes === 0) return
    this.#gathered = 0
    this.pay(bytes)
  }

  /** Give credit for bytes of the source that the socket has got, be it with text() and piece(): now, or once the kernel has taken them. */
  pay(bytes: number): void {
    const { writableLength, writableNeedDrain } = this.#socket
    if (writableLength === 0 || !writableNeedDrain) this.#source?.consumed(bytes)
    else this.#unconsumed += bytes
  }

  /** The socket emitted 'drain'. */
  drained(): void {
    const bytes = this.#unconsumed
    this.#unconsumed = 0
    if (bytes > 0) this.#source?.consumed(bytes)
    this.#writeWaiting(FULL_BYTES)
  }

  /** Give the socket all that waits, full or not. */
  flush(): void {
    this.#writeWaiting(Number.POSITIVE_INFINITY)
  }

  /** Until about `maxBytes` are written, for which 'drain' will come, or nothing waits any more. */
  #writeWaiting(maxBytes: number): void {
    while (this.#waiting.bytes > 0 && this.#gathered < maxBytes) {
      const part = this.#waiting.shift()!
      this.#gathered += part.length
      if (this.#chunked) writeChunk(this.#gather, part)
      else this.#gather.piece(part)
    }
    this.send()
    if (this.#waiting.bytes > 0) return
    const onEmpty = this.#onEmpty
    this.#onEmpty = undefined
    onEmpty?.()
  }

  endOfTurn(): void {
    this.#scheduled = false
    this.send()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    if (gathering.length === 0) process.nextTick(sendAll)
    gathering.push(this)
  }
}
