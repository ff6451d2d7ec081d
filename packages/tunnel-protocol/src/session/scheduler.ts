import type { Stream } from './stream.js'

/** Bytes one stream may send before the next one has its turn. */
const QUANTUM_BYTES = 32 * 1024

type Emit = (type: number, flags: number, streamId: number, payload: Buffer) => void

/**
 * Whose turn it is to send DATA. Round robin in quanta, so that a bulk transfer delays a small response
 * by at most one quantum of every other stream.
 */
export class Scheduler {
  #ready: Stream[] = []
  /** Streams that sent something and whose sources may be waiting for onDrain. */
  #served: Stream[] = []

  /** Some stream still has something to send. */
  get waiting(): boolean {
    return this.#ready.length > 0
  }

  add(stream: Stream): void {
    if (stream.queued) return
    stream.queued = true
    this.#ready.push(stream)
  }

  /** Emit frames of at most `maxFrameBytes` until about `room` bytes are out or nobody has anything left. */
  run(room: number, maxFrameBytes: number, emit: Emit): void {
    let left = room
    while (this.#ready.length > 0 && left > 0) {
      const turn = this.#ready
      this.#ready = []
      for (let i = 0; i < turn.length; i++) {
        if (left <= 0) {
          // Who had no turn yet comes before those served a moment ago, or a short turn would starve them for ever.
          this.#ready = turn.slice(i).concat(this.#ready)
          return
        }
        const stream = turn[i]!
        // Alone on the link, a stream need not be cut into quanta.
        const quantum = turn.length === 1 ? maxFrameBytes : QUANTUM_BYTES
        let sent = 0
        while (sent < quantum && stream.sendable) {
          const bytes = stream.sendNext(Math.min(maxFrameBytes, quantum - sent), emit)
          if (bytes === 0) break
          sent += bytes
        }
        left -= sent
        this.#served.push(stream)
        if (stream.sendable) this.#ready.push(stream)
        else stream.queued = false
      }
    }
  }

  /** Let the sources of the streams that were served go on reading. */
  notifyDrained(): void {
    if (this.#served.length === 0) return
    const served = this.#served
    this.#served = []
    for (let i = 0; i < served.length; i++) served[i]!.notifyDrain()
  }
}
