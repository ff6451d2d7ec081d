import { once } from 'node:events'
import { type ErrorCode, errorTable, FrameType, LINK_PATH, SUBPROTOCOL } from 'tunnel-protocol'
import { WebSocket } from 'ws'

const HEADER_BYTES = 10
const codes = new Map(Object.entries(errorTable).map(([code, { wire }]) => [wire, code as ErrorCode]))

/** One frame, whatever its parts: type, stream id, payload. `length` may lie. */
export function frame(type: number, streamId: number, payload: Buffer | string = '', length?: number): Buffer {
  const body = Buffer.from(payload)
  const header = Buffer.alloc(HEADER_BYTES)
  header[0] = type
  header.writeUInt32BE(streamId, 2)
  header.writeUInt32BE(length ?? body.length, 6)
  return Buffer.concat([header, body])
}

export function control(message: object): Buffer {
  return frame(FrameType.Control, 0, JSON.stringify(message))
}

/** `hello` for one tunnel of this name. */
export function hello(name: string): Buffer {
  return control({ type: 'hello', binds: [{ tunnel: 1, name }] })
}

/** An agent that no code of ours speaks for. */
export class Rogue {
  readonly socket: WebSocket
  /** Code of the GO_AWAY that ended the session, or `cut`. Resolves when the link is gone. */
  readonly outcome: Promise<string>
  /** Streams that the server has opened. */
  readonly opened: number[] = []
  #rest = Buffer.alloc(0)
  #goneAway: string | undefined
  #bound = 0
  #watcher: (() => void) | undefined

  constructor(port: number) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${LINK_PATH}`, SUBPROTOCOL, { perMessageDeflate: false })
    this.socket.on('error', () => {})
    this.socket.on('message', (data: Buffer) => this.#read(data))
    this.outcome = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#watcher?.()
        resolve(this.#goneAway ?? 'cut')
      })
    })
  }

  static async open(port: number): Promise<Rogue> {
    const rogue = new Rogue(port)
    await once(rogue.socket, 'open')
    return rogue
  }

  /** Open a link and a tunnel of this name on it. */
  static async bound(port: number, name: string): Promise<Rogue> {
    const rogue = await Rogue.open(port)
    rogue.send(hello(name))
    await rogue.until(() => rogue.#bound > 0)
    return rogue
  }

  get over(): boolean {
    return this.socket.readyState === this.socket.CLOSED || this.socket.readyState === this.socket.CLOSING
  }

  /** Bytes of ours that the server has not taken yet. */
  get waitingBytes(): number {
    return this.socket.bufferedAmount
  }

  send(bytes: Buffer): void {
    if (!this.over) this.socket.send(bytes)
  }

  /** Send `block` `times` times, as fast as it is taken. Resolves when all of it is, or the link is over. */
  async pour(block: Buffer, times: number): Promise<void> {
    for (let sent = 0; sent < times && !this.over; sent++) {
      await new Promise<void>((resolve) => this.socket.send(block, () => resolve()))
    }
  }

  /** Wait for something that the server sends, or for the end of the link. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.over) {
      await new Promise<void>((resolve) => {
        this.#watcher = resolve
      })
    }
  }

  /** Cut the link. */
  async leave(): Promise<string> {
    this.socket.terminate()
    return this.outcome
  }

  #read(data: Buffer): void {
    let bytes = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    while (bytes.length >= HEADER_BYTES) {
      const end = HEADER_BYTES + bytes.readUInt32BE(6)
      if (end > bytes.length) break
      this.#note(bytes[0]!, bytes.readUInt32BE(2), bytes.subarray(HEADER_BYTES, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = Buffer.from(bytes)
    this.#watcher?.()
  }

  #note(type: number, streamId: number, payload: Buffer): void {
    if (type === FrameType.Open) this.opened.push(streamId)
    else if (type === FrameType.GoAway) this.#goneAway = codes.get(payload.readUInt32BE(0)) ?? 'unknown'
    else if (type === FrameType.Control && JSON.parse(payload.toString()).type === 'bound') this.#bound++
  }
}
