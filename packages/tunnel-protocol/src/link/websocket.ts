import { randomFillSync } from 'node:crypto'
import type { Socket } from 'node:net'
import { TunnelError } from '../errors.js'
import type { Link, LinkHandler } from './link.js'
import { ReadTurns } from './read-turns.js'
import {
  frameHeader,
  frameHeaderBytes,
  Opcode,
  rotate,
  WebSocketReader,
  type WebSocketSink,
  writeFrameHeader,
  xor,
} from './websocket-frames.js'

const CLOSE_DEADLINE_MS = 2_000
const NORMAL_CLOSURE = Buffer.from([0x03, 0xe8]) // 1000

/** `server`: sends unmasked, wants masked. `agent`: masks with a key of zeros. `agentMasking`: masks with random keys. */
export type WebSocketRole = 'server' | 'agent' | 'agentMasking'

const ZERO_KEY = Buffer.alloc(4)

/** A link over a socket that has been upgraded to WebSocket. */
export class WebSocketLink implements Link, WebSocketSink {
  handler: LinkHandler | undefined
  readonly localAddress: string | undefined
  roundTripMs: number | undefined
  readonly #socket: Socket
  readonly #role: WebSocketRole
  readonly #reader: WebSocketReader
  readonly #turns: ReadTurns
  #closed = false
  #closeSent = false
  #reason = ''
  /** Payload of the last ping that came and has not been answered. */
  #pinged: Buffer | undefined
  readonly #onWritten = () => {
    if (!this.#closed && this.#socket.writableLength === 0) this.handler?.onDrained()
  }

  /** `head`: bytes that came behind the upgrade. They are delivered once the caller's turn is over. */
  constructor(socket: Socket, head: Buffer, role: WebSocketRole) {
    this.#socket = socket
    this.#role = role
    this.#reader = new WebSocketReader(this, role === 'server')
    this.#turns = new ReadTurns(socket)
    this.localAddress = socket.localAddress?.replace(/^::ffff:(?=[0-9.]+$)|%.*$/g, '')
    socket.setTimeout(0)
    socket.setNoDelay(true)
    if (head.length > 0) socket.unshift(head)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => socket.end())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#reason ||= error.code ?? error.message
    })
    socket.on('close', () => this.#onClose())
    socket.resume()
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength
  }

  send(parts: Buffer[], headroom = 0): void {
    if (this.#closed || this.#closeSent) return
    let bytes = 0
    for (let i = 0; i < parts.length; i++) bytes += parts[i]!.length
    if (this.#role === 'agentMasking') this.#sendMasked(parts, bytes)
    else this.#send(parts, bytes, headroom)
  }

  #send(parts: Buffer[], bytes: number, headroom: number): void {
    const socket = this.#socket
    const key = this.#role === 'agent' ? ZERO_KEY : undefined
    const headerBytes = frameHeaderBytes(bytes, key)
    let first = parts[0]!
    if (headroom >= headerBytes) {
      first = Buffer.from(first.buffer, first.byteOffset - headerBytes, headerBytes + first.length)
      writeFrameHeader(first, Opcode.Binary, bytes, key)
      if (parts.length === 1) {
        this.#write(first, true)
        return
      }
    }
    socket.cork()
    if (first === parts[0]) socket.write(frameHeader(Opcode.Binary, bytes, key))
    this.#write(first, parts.length === 1)
    for (let i = 1; i < parts.length; i++) this.#write(parts[i]!, i === parts.length - 1)
    socket.uncork()
  }

  #sendMasked(parts: Buffer[], bytes: number): void {
    const socket = this.#socket
    const key = randomFillSync(Buffer.allocUnsafe(4))
    socket.cork()
    socket.write(frameHeader(Opcode.Binary, bytes, key))
    for (let i = 0; i < parts.length; i++) this.#write(masked(parts[i]!, key), i === parts.length - 1)
    socket.uncork()
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  close(): void {
    if (this.#closed) return
    this.#sendClose(NORMAL_CLOSURE)
    setTimeout(() => this.destroy(), CLOSE_DEADLINE_MS).unref()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  // WebSocketReader → link

  onPayload(part: Buffer): void {
    this.handler?.onBytes(part)
  }

  onControl(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.Ping) this.#pinged = payload
    if (opcode !== Opcode.Close) return
    this.#reason ||= payload.length < 2 ? 'closed' : `closed with ${payload.readUInt16BE(0)}`
    this.#sendClose(payload.subarray(0, 2))
    this.#socket.end()
  }

  #onData(chunk: Buffer): void {
    this.#turns.begin(chunk.length)
    try {
      this.#reader.push(chunk)
    } catch (error) {
      this.#reason = TunnelError.from(error).detail
      this.destroy()
      return
    }
    this.#turns.end()
    // One answer for all the pings of one read, as RFC 6455 section 5.5.3 allows: each would be a system call of its own.
    if (this.#pinged === undefined) return
    this.#sendControl(Opcode.Pong, this.#pinged)
    this.#pinged = undefined
  }

  #onClose(): void {
    if (this.#closed) return
    this.#closed = true
    this.handler?.onClosed(this.#reason || 'the connection ended')
  }

  #write(part: Buffer, last: boolean): void {
    if (last) this.#socket.write(part, this.#onWritten)
    else this.#socket.write(part)
  }

  #sendControl(opcode: number, payload: Buffer): void {
    // A peer that pings and does not read must not fill our memory.
    if (this.#closeSent || !this.#socket.writable || this.#socket.writableNeedDrain) return
    const key = this.#role === 'server' ? undefined : ZERO_KEY
    this.#socket.write(Buffer.concat([frameHeader(opcode, payload.length, key), payload]))
  }

  #sendClose(payload: Buffer): void {
    if (this.#closeSent || !this.#socket.writable) return
    const key = this.#role === 'server' ? undefined : ZERO_KEY
    this.#closeSent = true
    this.#socket.write(Buffer.concat([frameHeader(Opcode.Close, payload.length, key), payload]))
  }
}

/** A masked copy: what the session gave us must not change. Turns the key to where the next part goes on. */
function masked(part: Buffer, key: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(part.length)
  xor(part, key, copy)
  rotate(key, part.length)
  return copy
}
