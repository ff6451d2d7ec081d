import {
  type Link,
  type LinkHandler,
  type Session,
  type Stream,
  type StreamHandler,
  StreamKind,
  type TunnelError,
} from 'tunnel-protocol'

/*
 * A link whose session is in another worker than its connection. It travels in a stream between the two: its first bytes as the head, the others as data.
 */

/** Tunnel number of such a stream. */
export const LINK_NUMBER = 0

/** Bytes that the kernel has not taken above which the other worker sends no more. */
const HIGH_WATER_BYTES = 256 * 1024
const CLOSE_DEADLINE_MS = 2_000

/** Where the connection is: pass `link`, of which `bytes` have been read, on to the worker at the end of `way`. Throws what Session.openStream throws. */
export function passLinkOn(link: Link, bytes: Buffer, way: Session): void {
  let owed = 0
  const fromSession: StreamHandler = {
    onHead() {},
    onInterim() {},
    onTrailers() {},
    onDrain: () => link.resume?.(),
    onData(part) {
      link.send([part])
      if (link.bufferedBytes < HIGH_WATER_BYTES) stream.consumed(part.length)
      else owed += part.length
    },
    onEnd: () => link.close(),
    onReset() {
      link.handler = undefined
      link.destroy()
    },
  }
  const stream = way.openStream(StreamKind.Upgrade, LINK_NUMBER, bytes.toString('latin1'), false, fromSession)
  link.handler = {
    onBytes(chunk) {
      if (!stream.write(chunk)) link.pause?.()
    },
    onDrained() {
      const bytes = owed
      owed = 0
      if (bytes > 0) stream.consumed(bytes)
    },
    onClosed: (reason) => stream.reset('TUN_ERR_SESSION_CLOSED', reason),
  }
}

/** Where the session is: the link, as far as the session can tell. */
export class StreamLink implements Link, StreamHandler {
  handler: LinkHandler | undefined
  readonly #stream: Stream
  #closed = false

  constructor(stream: Stream) {
    this.#stream = stream
    stream.sendHead('', false)
  }

  get bufferedBytes(): number {
    return this.#stream.pendingBytes
  }

  send(parts: Buffer[]): void {
    for (const part of parts) this.#stream.write(part)
  }

  close(): void {
    this.#stream.end()
    setTimeout(() => this.destroy(), CLOSE_DEADLINE_MS).unref()
  }

  destroy(): void {
    this.#stream.reset('TUN_ERR_SESSION_CLOSED')
    setImmediate(() => this.#over('the connection ended'))
  }

  // Stream → link

  onData(part: Buffer): void {
    this.handler?.onBytes(part)
    this.#stream.consumed(part.length)
  }

  onDrain(): void {
    this.handler?.onDrained()
  }

  onEnd(): void {
    this.destroy()
  }

  onReset(error: TunnelError): void {
    this.#over(error.detail)
  }

  onHead(): void {}
  onInterim(): void {}
  onTrailers(): void {}

  #over(reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.handler?.onClosed(reason)
  }
}
