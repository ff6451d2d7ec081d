/** Prime, so that it fits no window, buffer or frame. */
const PERIOD_BYTES = 1_048_583
export const PART_BYTES = 256 * 1024

/** One period, and behind it so much of the next one that each part is a view. */
const block = Buffer.alloc(PERIOD_BYTES + PART_BYTES)
for (let i = 0; i + 4 <= PERIOD_BYTES; i += 4) block.writeUInt32LE((Math.imul(i, 2_654_435_761) ^ (i >>> 11)) >>> 0, i)
block.copy(block, PERIOD_BYTES, 0, PART_BYTES)

/** The bytes of a transfer, the same every time, part by part: nothing is held whole. */
export class Content {
  #left: number
  #at = 0

  constructor(bytes: number) {
    this.#left = bytes
  }

  /** A view that must not be changed; undefined after the last one. */
  next(): Buffer | undefined {
    if (this.#left === 0) return undefined
    const part = block.subarray(this.#at, this.#at + Math.min(PART_BYTES, this.#left))
    this.#at = (this.#at + part.length) % PERIOD_BYTES
    this.#left -= part.length
    return part
  }
}

/** Message number `index` of a WebSocket, in either direction: of many lengths, each different from all others. */
export function messageOf(index: number): string {
  return `${index} ${'x'.repeat((index * 37) % 1_500)}`
}

/** What the app answers to request number `index` with so many bytes of body. */
export function answerTo(index: number, bodyBytes: number): string {
  return `request ${index}, ${bodyBytes} bytes`
}
