import { connect, type Socket } from 'node:net'
import { tally } from './crowd.js'
import type { Tally } from './scene.js'

const KEPT_CHARACTERS = 16

/** A visitor's connection that sends whatever an attack wants. It never ends by itself. */
export class Visitor {
  readonly socket: Socket
  /** Status of the first answer, `closed` or `reset` where there is none. Resolves when the connection is over. */
  readonly outcome: Promise<string>
  #answer = ''
  #over = false

  /** With `halfOpen` it keeps its side open when the server has ended. */
  constructor(port: number, halfOpen = false) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: halfOpen })
    this.socket.on('data', (bytes: Buffer) => {
      if (this.#answer.length < KEPT_CHARACTERS) this.#answer += bytes.toString('latin1', 0, KEPT_CHARACTERS)
    })
    let failed = false
    this.socket.on('error', () => {
      failed = true
    })
    this.outcome = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#over = true
        resolve(this.status ?? (failed ? 'reset' : 'closed'))
      })
    })
  }

  /** Of the first answer, as far as it is here. */
  get status(): string | undefined {
    return /^HTTP\/1\.1 (\d{3})/.exec(this.#answer)?.[1]
  }

  get over(): boolean {
    return this.#over
  }

  send(bytes: string | Buffer): boolean {
    return this.socket.write(bytes)
  }

  /** Send `block` again and again, as fast as it is taken, `bytes` in all. */
  pour(block: Buffer, bytes: number): void {
    let left = bytes
    const go = () => {
      while (left > 0 && !this.#over) {
        left -= block.length
        if (!this.socket.write(block)) {
          this.socket.once('drain', go)
          return
        }
      }
    }
    go()
  }
}

export function visitors(count: number, port: number): Visitor[] {
  return Array.from({ length: count }, () => new Visitor(port))
}

/** Give all connections up. Those that the server has not answered or ended until now count as `held`. */
export async function leave(all: Visitor[]): Promise<Tally> {
  const outcomes = all.map(({ over, status }) => over || status !== undefined)
  for (const { socket } of all) socket.destroy()
  const ends = await Promise.all(all.map(({ outcome }) => outcome))
  return tally(ends.map((end, index) => (outcomes[index] ? end : 'held')))
}

/** Bytes of all that have left this process. */
export function bytesTaken(all: Visitor[]): number {
  return all.reduce((sum, { socket }) => sum + socket.bytesWritten - socket.writableLength, 0)
}
