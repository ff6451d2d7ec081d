import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Link, LinkHandler } from './link.js'

/** Largest WebSocket message a link accepts, in bytes. Messages carry no meaning of their own; ours stay under 66 KiB. */
export const MAX_MESSAGE_BYTES = 1024 * 1024

const CLOSE_DEADLINE_MS = 2_000
const sendOptions = { binary: true, compress: false, fin: true }

export interface WebSocketLinkOptions {
  /**
   * The WebSocket masks what it sends, in place. The link then sends a copy, because the session's buffers must not change.
   * Default false.
   */
  masked?: boolean
}

/** A link over one `ws` connection, whose raw socket the HTTP upgrade gave us: needed to cork it and to turn Nagle off. */
export class WebSocketLink implements Link {
  handler: LinkHandler | undefined
  readonly #ws: WebSocket
  readonly #socket: Socket
  readonly #masked: boolean
  #closed = false
  #error: string | undefined
  /** Messages whose bytes the kernel has not taken yet. */
  #unsent = 0
  readonly #onSent = () => {
    this.#unsent--
    if (this.#unsent === 0 && !this.#closed) this.handler?.onDrained()
  }

  constructor(ws: WebSocket, socket: Socket, options: WebSocketLinkOptions = {}) {
    this.#ws = ws
    this.#socket = socket
    this.#masked = options.masked ?? false
    socket.setNoDelay?.(true)
    ws.binaryType = 'nodebuffer'
    ws.on('message', (data: Buffer) => this.handler?.onBytes(data))
    ws.on('error', (error) => {
      this.#error = error.message
    })
    ws.on('close', (code, reason) => {
      if (this.#closed) return
      this.#closed = true
      this.handler?.onClosed(this.#error ?? `WebSocket closed with ${code}${reason.length > 0 ? ` ${reason}` : ''}`)
    })
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount
  }

  send(parts: Buffer[]): void {
    if (this.#closed || this.#ws.readyState !== this.#ws.OPEN) return
    this.#socket.cork()
    const last = parts.length - 1
    for (let i = 0; i < last; i++) this.#ws.send(this.#own(parts[i]!), sendOptions)
    this.#unsent++
    this.#ws.send(this.#own(parts[last]!), sendOptions, this.#onSent)
    this.#socket.uncork()
  }

  #own(part: Buffer): Buffer {
    return this.#masked ? Buffer.from(part) : part
  }

  close(): void {
    if (this.#closed) return
    this.#ws.close(1000)
    setTimeout(() => this.destroy(), CLOSE_DEADLINE_MS).unref()
  }

  destroy(): void {
    this.#ws.terminate()
  }
}
