import { FRAME_HEADER_BYTES, FrameType, LINK_HEADROOM_BYTES, OPEN_PREFIX_BYTES } from '../constants.js'
import { Gather } from '../gather.js'
import { writeHeader } from './header.js'

/** Gathers the frames of one event-loop turn. */
export class FrameBatch {
  readonly #gather = new Gather(LINK_HEADROOM_BYTES)

  /** Bytes gathered since the last take(). */
  get bytes(): number {
    return this.#gather.bytes
  }

  add(type: number, flags: number, streamId: number, payload: Buffer): void {
    this.#header(type, flags, streamId, payload.length)
    this.#gather.piece(payload)
  }

  /** A frame whose payload is text, as latin1. */
  addText(type: number, flags: number, streamId: number, text: string): void {
    this.#header(type, flags, streamId, text.length)
    this.#gather.text(text)
  }

  addOpen(flags: number, streamId: number, kind: number, tunnel: number, head: string): void {
    this.#header(FrameType.Open, flags, streamId, OPEN_PREFIX_BYTES + head.length)
    const at = this.#gather.room(OPEN_PREFIX_BYTES)
    const { slab } = this.#gather
    slab[at] = kind
    slab.writeUInt32BE(tunnel, at + 1)
    this.#gather.text(head)
  }

  #header(type: number, flags: number, streamId: number, length: number): void {
    const at = this.#gather.room(FRAME_HEADER_BYTES)
    writeHeader(this.#gather.slab, at, type, flags, streamId, length)
  }

  /** Everything gathered, in order, with LINK_HEADROOM_BYTES in front. The buffers belong to the caller from now on. */
  take(): Buffer[] {
    return this.#gather.take()
  }
}
