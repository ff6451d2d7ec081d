import { createRequire } from 'node:module'
import { LINK_HEADROOM_BYTES } from '../constants.js'
import { TunnelError } from '../errors.js'

/** RFC 6455 section 5.2. */
export const Opcode = { Continuation: 0x0, Text: 0x1, Binary: 0x2, Close: 0x8, Ping: 0x9, Pong: 0xa } as const

const FIN = 0x80
const RESERVED = 0x70
const MASKED = 0x80
export const MAX_HEADER_BYTES = LINK_HEADROOM_BYTES
const MAX_CONTROL_BYTES = 125

export interface WebSocketSink {
  /** Payload of data frames, unmasked, in the pieces it arrives in. */
  onPayload(part: Buffer): void
  /** A whole control frame: close, ping or pong. */
  onControl(opcode: number, payload: Buffer): void
}

/**
 * Reads WebSocket frames (RFC 6455 section 5) without putting messages together: our bytes mean the same wherever they are cut.
 * Payload is passed on as views of the chunks it came in; masked payload is unmasked in place. Text is taken as binary.
 * Throws TUN_ERR_PROTOCOL for what is no frame; the reader is not to be used after that.
 */
export class WebSocketReader {
  readonly #sink: WebSocketSink
  /** Frames have to be masked (from a client) or must not be (from a server). */
  readonly #masked: boolean
  readonly #header = Buffer.alloc(MAX_HEADER_BYTES)
  #headerBytes = 0
  /** Payload bytes of the current frame still to come; -1 while its header is read. */
  #left = -1
  #opcode = 0
  #inMessage = false
  readonly #key = Buffer.alloc(4)
  #hasKey = false
  #control: Buffer[] = []

  constructor(sink: WebSocketSink, masked: boolean) {
    this.#sink = sink
    this.#masked = masked
  }

  push(chunk: Buffer): void {
    let offset = 0
    while (true) {
      if (this.#left < 0) {
        offset = this.#readHeader(chunk, offset)
        if (this.#left < 0) return
      }
      if (offset === chunk.length && this.#left > 0) return
      offset = this.#readPayload(chunk, offset)
    }
  }

  /** Collects the header, whose length its second byte tells. Returns the offset behind what it took. */
  #readHeader(chunk: Buffer, offset: number): number {
    while (offset < chunk.length) {
      const needed = this.#headerBytes < 2 ? 2 : headerLength(this.#header[1]!)
      const taken = Math.min(needed - this.#headerBytes, chunk.length - offset)
      chunk.copy(this.#header, this.#headerBytes, offset, offset + taken)
      this.#headerBytes += taken
      offset += taken
      if (this.#headerBytes >= 2 && this.#headerBytes === headerLength(this.#header[1]!)) {
        this.#headerBytes = 0
        this.#startFrame()
        return offset
      }
    }
    return offset
  }

  #startFrame(): void {
    const header = this.#header
    const first = header[0]!
    const opcode = first & 0x0f
    const control = opcode >= Opcode.Close
    if ((first & RESERVED) !== 0) throw broken('a reserved bit is set')
    if (opcode > Opcode.Pong || (opcode > Opcode.Binary && !control)) throw broken(`opcode ${opcode} does not exist`)
    if (((header[1]! & MASKED) !== 0) !== this.#masked)
      throw broken(this.#masked ? 'a frame is not masked' : 'a frame is masked')
    const length = payloadLength(header)
    if (!Number.isSafeInteger(length)) throw broken('a frame is too long')
    if (control) {
      if (length > MAX_CONTROL_BYTES || (first & FIN) === 0) throw broken('a control frame is too long, or in parts')
    } else {
      if ((opcode === Opcode.Continuation) !== this.#inMessage)
        throw broken('a message does not begin or go on where it should')
      this.#inMessage = (first & FIN) === 0
    }
    this.#hasKey = false
    if (this.#masked) {
      header.copy(this.#key, 0, headerLength(header[1]!) - 4, headerLength(header[1]!))
      this.#hasKey = this.#key.readUInt32BE(0) !== 0
    }
    this.#opcode = opcode
    this.#left = length
  }

  #readPayload(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#left)
    const part = chunk.subarray(offset, end)
    this.#left -= part.length
    if (this.#hasKey) {
      xor(part, this.#key, part)
      rotate(this.#key, part.length)
    }
    const complete = this.#left === 0
    if (complete) this.#left = -1
    if (this.#opcode < Opcode.Close) {
      if (part.length > 0) this.#sink.onPayload(part)
    } else {
      this.#control.push(part)
      if (complete) {
        const payload = Buffer.concat(this.#control)
        this.#control = []
        this.#sink.onControl(this.#opcode, payload)
      }
    }
    return end
  }
}

/** Header of an unfragmented frame of `length` payload bytes; with `key`, of a masked one. */
export function frameHeader(opcode: number, length: number, key: Buffer | undefined): Buffer {
  const header = Buffer.allocUnsafe(frameHeaderBytes(length, key))
  writeFrameHeader(header, opcode, length, key)
  return header
}

/** Length of that header. */
export function frameHeaderBytes(length: number, key: Buffer | undefined): number {
  return (length > 0xffff ? 10 : length > MAX_CONTROL_BYTES ? 4 : 2) + (key === undefined ? 0 : 4)
}

/** Write that header to the beginning of `to`. */
export function writeFrameHeader(to: Buffer, opcode: number, length: number, key: Buffer | undefined): void {
  const masked = key === undefined ? 0 : MASKED
  let at = 2
  to[0] = FIN | opcode
  if (length <= MAX_CONTROL_BYTES) {
    to[1] = masked | length
  } else if (length <= 0xffff) {
    to[1] = masked | 126
    at = to.writeUInt16BE(length, 2)
  } else {
    to[1] = masked | 127
    to.writeUInt32BE(Math.floor(length / 2 ** 32), 2)
    at = to.writeUInt32BE(length % 2 ** 32, 6)
  }
  key?.copy(to, at)
}

/** Bytes of a frame's header, which its second byte tells. */
export function headerLength(second: number): number {
  const short = second & 0x7f
  return 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + ((second & MASKED) !== 0 ? 4 : 0)
}

/** Bytes of payload behind a whole header; a length beyond 2^53 is not exact. */
export function payloadLength(header: Buffer): number {
  const short = header[1]! & 0x7f
  if (short === 126) return header.readUInt16BE(2)
  return short === 127 ? header.readUInt32BE(2) * 2 ** 32 + header.readUInt32BE(6) : short
}

/** Make `key` begin where it goes on after `bytes` bytes. */
export function rotate(key: Buffer, bytes: number): void {
  const shift = bytes & 3
  if (shift === 0) return
  const [a, b, c, d] = key as unknown as [number, number, number, number]
  const bytesOf = [a, b, c, d]
  for (let i = 0; i < 4; i++) key[i] = bytesOf[(i + shift) & 3]!
}

type Xor = (from: Buffer, key: Buffer, to: Buffer) => void

/** `bufferutil` does it in native code, where it is installed. */
function loadXor(): Xor {
  try {
    const native = createRequire(import.meta.url)('bufferutil') as {
      mask(from: Buffer, key: Buffer, to: Buffer, offset: number, length: number): void
    }
    return (from, key, to) => native.mask(from, key, to, 0, from.length)
  } catch {
    return xorInJs
  }
}

function xorInJs(from: Buffer, key: Buffer, to: Buffer): void {
  for (let i = 0; i < from.length; i++) to[i] = from[i]! ^ key[i & 3]!
}

/** XOR `from` with the repeated 4-byte key into `to`, which may be the same buffer. */
export const xor: Xor = loadXor()

function broken(detail: string): TunnelError {
  return new TunnelError('TUN_ERR_PROTOCOL', `not WebSocket: ${detail}`)
}
