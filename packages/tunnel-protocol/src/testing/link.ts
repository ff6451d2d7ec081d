import type { Link, LinkHandler } from '../link/link.js'

/**
 * One end of an in-memory link for tests. Bytes arrive when deliver() says so, in pieces of any size; either end can stall
 * (its bufferedBytes grow) or be cut at any byte.
 */
export class MemoryLink implements Link {
  handler: LinkHandler | undefined
  localAddress: string | undefined
  roundTripMs: number | undefined
  peer!: MemoryLink
  closed = false
  /** The other end is not told when this one is cut, and what was sent before is still on its way. */
  silent = false
  /** While true, sent bytes stay in bufferedBytes. */
  stalled = false
  #queue: Buffer[] = []
  #bytesLeft = Number.POSITIVE_INFINITY
  /** Bytes per piece on delivery. */
  pieceBytes = Number.POSITIVE_INFINITY

  get bufferedBytes(): number {
    return this.#queue.reduce((sum, part) => sum + part.length, 0)
  }

  /** After `bytes` more bytes the link is cut; the rest is lost. */
  cutAfterBytes(bytes: number): void {
    this.#bytesLeft = bytes
  }

  send(parts: Buffer[]): void {
    if (this.closed) return
    this.#queue.push(...parts.map((part) => Buffer.from(part)))
  }

  /** Hand everything sent so far to the other end. Returns whether anything moved. */
  deliver(): boolean {
    if (this.stalled || this.#queue.length === 0) return false
    const parts = this.#queue
    this.#queue = []
    for (const part of parts) {
      for (let offset = 0; offset < part.length && (this.silent || !this.closed); offset += this.pieceBytes) {
        const piece = part.subarray(offset, Math.min(part.length, offset + this.pieceBytes, offset + this.#bytesLeft))
        this.#bytesLeft -= piece.length
        if (piece.length > 0) this.peer.handler?.onBytes(piece)
        if (this.#bytesLeft <= 0) this.destroy()
      }
    }
    if (!this.closed) this.handler?.onDrained()
    return true
  }

  close(): void {
    this.deliver()
    this.destroy()
  }

  destroy(): void {
    if (this.closed) return
    this.closed = true
    this.handler?.onClosed('cut')
    if (this.silent) return
    this.peer.closed = true
    this.#queue = []
    this.peer.#queue = []
    this.peer.handler?.onClosed('cut')
  }
}

/** Two ends of one link. */
export function linkPair(): [MemoryLink, MemoryLink] {
  const a = new MemoryLink()
  const b = new MemoryLink()
  a.peer = b
  b.peer = a
  return [a, b]
}
