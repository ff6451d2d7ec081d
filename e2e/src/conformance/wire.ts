import type { Socket } from 'node:net'
import { whenEndIsClean } from 'tunnel-protocol'
import { DEADLINE_MS } from '../support/process.js'

/** Whoever waits for something to happen on one of several connections. */
export class Watch {
  readonly #looks = new Set<() => void>()

  /** Something has happened. */
  changed(): void {
    for (const look of [...this.#looks]) look()
  }

  /** Wait until `check` returns true; rejects with what it throws, or after the deadline with what `report` says. */
  until(check: () => boolean, report: () => string): Promise<void> {
    return new Promise((resolve, reject) => {
      const over = () => {
        clearTimeout(timer)
        this.#looks.delete(look)
      }
      const look = () => {
        try {
          if (!check()) return
          resolve()
        } catch (error) {
          reject(error)
        }
        over()
      }
      const timer = setTimeout(() => {
        over()
        reject(new Error(`waited in vain: ${report()}`))
      }, DEADLINE_MS)
      this.#looks.add(look)
      look()
    })
  }
}

/** What the other side has done: nothing yet, ended its sending (FIN), or broken the connection off (RST). */
export type Ending = 'open' | 'ended' | 'broken'

/** One end of a connection on a bare socket. Text is latin1: one character for each byte. */
export class Wire {
  readonly socket: Socket
  ending: Ending = 'open'
  /** Both directions are over and the socket is gone. */
  closed = false

  constructor(socket: Socket, watch: Watch, onText: (text: string) => void) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      onText(text)
      watch.changed()
    })
    socket.on('end', () => {
      whenEndIsClean(socket, () => this.#over('ended', watch))
    })
    socket.on('error', () => this.#over('broken', watch))
    socket.on('close', () => {
      this.closed = true
      this.#over('broken', watch)
    })
  }

  send(text: string): void {
    this.socket.write(text, 'latin1')
  }

  /** Send in segments of one byte each. */
  async sendByteByByte(text: string): Promise<void> {
    for (const byte of text) {
      await new Promise<void>((sent) => this.socket.write(byte, 'latin1', () => setImmediate(sent)))
    }
  }

  #over(ending: Ending, watch: Watch): void {
    if (this.ending === 'open') this.ending = ending
    watch.changed()
  }
}
