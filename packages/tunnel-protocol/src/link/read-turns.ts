import type { Socket } from 'node:net'

/**
 * One readable socket is read up to 32 times, 2 MiB, before another one has its turn. Whoever took longer than this in one turn of the event
 * loop waits for the next one: long enough that bulk data loses little, short enough that a small request beside it waits little.
 */
const LONG_READ_MS = 1

/** A read of less than a whole TLS record has found the end of what there was: another one does not follow in this turn. In bytes. */
const SMALL_BYTES = 16 * 1024

/** Counts turns of the event loop in which something is read. */
let turn = 0
let turnIsCounted = false
function nextTurn(): void {
  turn++
  turnIsCounted = false
}

/** Keeps one socket from reading on and on while others wait. Call begin() before and end() after what is done with each chunk. */
export class ReadTurns {
  readonly #socket: Socket
  #turn = -1
  #startedAt = 0
  /** The chunk that is looked at says that there may be more behind it. */
  #counts = false
  readonly #resume = () => void this.#socket.resume()

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** `bytes`: how many the chunk has. */
  begin(bytes: number): void {
    this.#counts = bytes >= SMALL_BYTES
    if (!this.#counts) return
    if (this.#turn === turn && turnIsCounted) return
    if (!turnIsCounted) {
      turnIsCounted = true
      setImmediate(nextTurn)
    }
    this.#turn = turn
    this.#startedAt = performance.now()
  }

  /** Leaves a socket that is paused for other reasons to those. */
  end(): void {
    if (!this.#counts) return
    // What the chunks before have set off, writing what they held to other sockets, counts as well.
    if (performance.now() - this.#startedAt <= LONG_READ_MS || this.#socket.isPaused()) return
    this.#socket.pause()
    setImmediate(this.#resume)
  }
}
