import type { WebSocket } from 'ws'
import { messageOf } from './content.js'

const EVERY_MS = 100
const LAST = 'last '

/** One end of a WebSocket on which both ends count: no message may be missing, doubled, changed or out of order. */
export class Dialogue {
  readonly socket: WebSocket
  sent = 0
  received = 0
  /** The longest time between two messages that came, in milliseconds. */
  longestPauseMs = 0
  /** How many there were, in the words of the other end; undefined until it has ended. */
  announced: number | undefined
  #heardAt = performance.now()
  readonly #timer: NodeJS.Timeout

  /** `onWrong`: a sentence about the first message that is not the one which was due. `onLast`: the other end has said its last. */
  constructor(socket: WebSocket, onWrong: (what: string) => void, onLast: () => void) {
    this.socket = socket
    this.#timer = setInterval(() => socket.send(messageOf(this.sent++)), EVERY_MS)
    socket.on('close', () => clearInterval(this.#timer))
    socket.on('message', (data) => {
      const text = String(data)
      this.longestPauseMs = Math.max(this.longestPauseMs, performance.now() - this.#heardAt)
      this.#heardAt = performance.now()
      if (text.startsWith(LAST)) {
        this.announced = Number(text.slice(LAST.length))
        if (this.announced !== this.received) onWrong(`${this.announced} messages were sent, ${this.received} came`)
        onLast()
      } else if (text === messageOf(this.received)) {
        this.received++
      } else {
        onWrong(`message ${this.received} was due, and what came was ${text.slice(0, 20)}`)
      }
    })
  }

  /** Say how many it were, and nothing more. */
  end(): void {
    clearInterval(this.#timer)
    this.socket.send(`${LAST}${this.sent}`)
  }
}
