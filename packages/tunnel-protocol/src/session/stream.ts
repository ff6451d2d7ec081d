import { ByteQueue } from '../byte-queue.js'
import {
  FrameFlag,
  FrameType,
  MAX_FRAME_BYTES,
  SMALL_DATA_BYTES,
  STREAM_HIGH_WATER_BYTES,
  STREAM_TURN_BYTES,
} from '../constants.js'
import { type ErrorCode, TunnelError } from '../errors.js'
import { errorPayload } from '../frame/error-payload.js'
import { ReceiveWindow, type WindowGrowth } from './receive-window.js'
import { SendWindow } from './send-window.js'
import { nextState, type StreamState } from './stream-state.js'

/** What a stream tells the exchange on top of it. Nothing comes after onReset, or after both sides have ended. */
export interface StreamHandler {
  /** The final response head (agent to server): HTTP/1.1 as latin1 text, without the empty line. */
  onHead(head: string): void
  /** An interim (1xx) response head. */
  onInterim(head: string): void
  /** Body bytes, or raw bytes after an upgrade. Owes stream.consumed(part.length) once they have been passed on. */
  onData(part: Buffer): void
  /** Trailer lines; onEnd follows. */
  onTrailers(trailers: string): void
  /** The peer sends nothing more on this stream. */
  onEnd(): void
  /** The stream is over before its time: by the peer, by the end of the session, or by a head of ours that fits no frame. */
  onReset(error: TunnelError): void
  /** After write() returned false: the source may go on. */
  onDrain(): void
  /** The link is lost, and the stream waits for another one. It may be reset, or left to go on. */
  onDetached?(): void
}

/** What a stream needs of its session. */
export interface StreamOwner {
  /** What is sent now has to wait: there is no link, or it is full. */
  readonly congested: boolean
  /** Queue a frame in front of all DATA. */
  sendFrame(type: number, flags: number, streamId: number, payload: Buffer): void
  /** The same with latin1 text. */
  sendText(type: number, flags: number, streamId: number, text: string): void
  /** The stream has bytes, trailers or an end to send, and credit for them. */
  streamReady(stream: Stream): void
  /** The same, and what it has to send is little and the last: it need not wait for its turn. */
  sendAtOnce(stream: Stream): void
  /** Both sides have ended, or one has reset. */
  streamClosed(stream: Stream): void
}

const EMPTY = Buffer.alloc(0)

/** One exchange inside a session. Not a Node stream: a Duplex per request costs more than the request. */
export class Stream {
  readonly id: number
  handler: StreamHandler
  /** For the scheduler: already in its queue. */
  queued = false
  /** For the session: the peer owes a response head, and may send nothing but interim heads before it. */
  headDue = false
  readonly #owner: StreamOwner
  readonly #sendWindow: SendWindow
  readonly #receiveWindow: ReceiveWindow
  #state: StreamState = 'open'
  /** First chunk waiting for its turn, and the ones behind it; most streams never have a second. */
  #first: Buffer | null = null
  #rest: ByteQueue | null = null
  #pendingBytes = 0
  #needDrain = false
  #endQueued = false
  #trailers: Buffer | null = null
  #resetAfterEnd: { code: ErrorCode; detail: string } | null = null
  /** What onReset was told. */
  #resetBy: TunnelError | null = null

  constructor(
    id: number,
    owner: StreamOwner,
    handler: StreamHandler,
    sendWindowBytes: number,
    receiveWindowBytes: number,
    growth?: WindowGrowth,
  ) {
    this.id = id
    this.#owner = owner
    this.handler = handler
    this.#sendWindow = new SendWindow(sendWindowBytes)
    this.#receiveWindow = new ReceiveWindow(receiveWindowBytes, growth)
  }

  get state(): StreamState {
    return this.#state
  }

  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** Bytes written and not yet in a frame. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** Bytes received and not yet consumed. */
  get heldBytes(): number {
    return this.#receiveWindow.heldBytes
  }

  /** Send the final response head. With `end` the response has no body. */
  sendHead(head: string, end: boolean): void {
    if (!this.#maySend || this.#tooLarge(head)) return
    this.#owner.sendText(FrameType.Head, end ? FrameFlag.End : 0, this.id, head)
    if (end) this.endedWithHead()
  }

  sendInterim(head: string): void {
    if (this.#maySend && !this.#tooLarge(head)) this.#owner.sendText(FrameType.Interim, 0, this.id, head)
  }

  /**
   * Queue body bytes; the buffer must not change afterwards. Returns false when the source should pause until onDrain:
   * the bytes are taken all the same.
   */
  write(chunk: Buffer): boolean {
    if (!this.#maySend || chunk.length === 0) return true
    if (this.#first === null) this.#first = chunk
    else {
      this.#rest ??= new ByteQueue()
      this.#rest.push(chunk)
    }
    this.#pendingBytes += chunk.length
    const { credit } = this.#sendWindow
    if (credit > 0) this.#owner.streamReady(this)
    if (this.#pendingBytes < STREAM_HIGH_WATER_BYTES) return true
    if (this.#pendingBytes < STREAM_TURN_BYTES && this.#pendingBytes <= credit && !this.#owner.congested) return true
    this.#needDrain = true
    return false
  }

  /** Send nothing more, after `trailers` if there are any. */
  end(trailers = ''): void {
    if (!this.#maySend || this.#tooLarge(trailers)) return
    this.#endQueued = true
    this.#trailers = trailers === '' ? null : Buffer.from(trailers, 'latin1')
    if (this.#pendingBytes > 0 && this.#sendWindow.credit === 0) return
    if (this.#endsSmall && !this.#owner.congested) this.#owner.sendAtOnce(this)
    else this.#owner.streamReady(this)
  }

  /** One small frame is all that is left. */
  get #endsSmall(): boolean {
    const bytes = this.#pendingBytes
    return (
      bytes <= SMALL_DATA_BYTES && bytes <= this.#sendWindow.credit && this.#rest === null && this.#trailers === null
    )
  }

  /** Give the stream up at once. Nothing happens on a closed stream. */
  reset(code: ErrorCode, detail = ''): void {
    if (this.closed) return
    this.#owner.sendFrame(FrameType.Reset, 0, this.id, errorPayload(code, detail))
    this.#close()
  }

  /** Tell the peer to send nothing more, once everything we have written has been sent. */
  stopReceiving(code: ErrorCode, detail = ''): void {
    if (this.closed || this.#state === 'halfClosedRemote') return
    if (this.#state === 'halfClosedLocal') this.reset(code, detail)
    else this.#resetAfterEnd = { code, detail }
  }

  /** `bytes` of what onData gave have left the process; lets the peer send as many more. */
  consumed(bytes: number): void {
    const grant = this.#receiveWindow.read(bytes)
    if (grant === 0 || this.#state === 'closed' || this.#state === 'halfClosedRemote') return
    const payload = Buffer.allocUnsafe(4)
    payload.writeUInt32BE(grant, 0)
    this.#owner.sendFrame(FrameType.Credit, 0, this.id, payload)
  }

  get #maySend(): boolean {
    return !this.#endQueued && !this.closed
  }

  // The rest is called by the session only.

  /** Who listens from now on. A stream that was reset in the meantime says so at once. */
  setHandler(handler: StreamHandler): void {
    this.handler = handler
    if (this.#resetBy !== null) handler.onReset(this.#resetBy)
  }

  /** The frame of our head carried the END flag: nothing follows it. */
  endedWithHead(): void {
    if (this.closed) return // the session ended when it had to queue the frame
    this.#endQueued = true
    this.#sentEnd()
  }

  /** Hand out the next frame of at most `maxBytes` payload to `emit`. Returns the payload bytes, 0 when only an end was sent. */
  sendNext(maxBytes: number, emit: (type: number, flags: number, streamId: number, payload: Buffer) => void): number {
    if (this.closed) return 0
    if (this.#first !== null) {
      const allowed = this.#sendWindow.take(Math.min(this.#first.length, maxBytes))
      if (allowed === 0) return 0
      const chunk = this.#shift(allowed)
      const last = this.#first === null && this.#endQueued && this.#trailers === null
      emit(FrameType.Data, last ? FrameFlag.End : 0, this.id, chunk)
      if (last) this.#sentEnd()
      return allowed
    }
    if (!this.#endQueued || this.#state === 'halfClosedLocal') return 0
    if (this.#trailers === null) emit(FrameType.Data, FrameFlag.End, this.id, EMPTY)
    else emit(FrameType.Trailers, FrameFlag.End, this.id, this.#trailers)
    this.#sentEnd()
    return 0
  }

  /** More could be sent right now. */
  get sendable(): boolean {
    if (this.closed) return false
    if (this.#first !== null) return this.#sendWindow.credit > 0
    return this.#endQueued && this.#state !== 'halfClosedLocal'
  }

  /** Tell a paused source to go on, if everything it wrote has been sent. */
  notifyDrain(): void {
    if (!this.#needDrain || this.#pendingBytes > 0 || this.closed) return
    this.#needDrain = false
    this.handler.onDrain()
  }

  receiveHead(head: string, end: boolean): void {
    if (!this.headDue) throw new TunnelError('TUN_ERR_PROTOCOL', `stream ${this.id} has a response head too many`)
    this.headDue = false
    this.handler.onHead(head)
    if (end) this.receiveEnd()
  }

  receiveInterim(head: string): void {
    if (!this.headDue) throw new TunnelError('TUN_ERR_PROTOCOL', `stream ${this.id} has an interim head too late`)
    this.handler.onInterim(head)
  }

  receiveData(part: Buffer, end: boolean): void {
    if (this.headDue) throw new TunnelError('TUN_ERR_PROTOCOL', `stream ${this.id} has a body before its head`)
    this.#receiveWindow.hold(part.length)
    // The state is checked before the handler sees a byte: DATA after an end is the peer's fault.
    if (this.#state === 'halfClosedRemote') nextState(this.#state, 'receiveEnd')
    if (part.length > 0) this.handler.onData(part)
    if (end) this.receiveEnd()
  }

  receiveTrailers(trailers: string): void {
    if (this.headDue) throw new TunnelError('TUN_ERR_PROTOCOL', `stream ${this.id} has trailers before its head`)
    if (this.#state === 'halfClosedRemote') nextState(this.#state, 'receiveEnd')
    this.handler.onTrailers(trailers)
    this.receiveEnd()
  }

  receiveEnd(): void {
    if (this.closed) return // the handler reset the stream while it took the last bytes
    this.#state = nextState(this.#state, 'receiveEnd')
    this.handler.onEnd()
    if (this.closed) this.#over()
  }

  receiveCredit(bytes: number): void {
    this.#sendWindow.add(bytes)
    if (this.sendable) this.#owner.streamReady(this)
  }

  /** The peer gave the stream up, or the session is over. */
  receiveReset(error: TunnelError): void {
    if (this.closed) return
    this.#close()
    this.#resetBy = error
    this.handler.onReset(error)
  }

  /** What no frame can hold ends this stream, on both sides; sent, it would end the session. */
  #tooLarge(head: string): boolean {
    if (head.length <= MAX_FRAME_BYTES) return false
    const error = new TunnelError('TUN_ERR_HEAD_TOO_LARGE', `a head or trailers of ${head.length} bytes`)
    this.#owner.sendFrame(FrameType.Reset, 0, this.id, errorPayload(error.code, error.detail))
    this.receiveReset(error)
    return true
  }

  #sentEnd(): void {
    this.#state = nextState(this.#state, 'sendEnd')
    if (this.closed) this.#over()
    else if (this.#resetAfterEnd !== null) this.reset(this.#resetAfterEnd.code, this.#resetAfterEnd.detail)
  }

  #close(): void {
    this.#state = 'closed'
    this.#first = null
    this.#rest = null
    this.#pendingBytes = 0
    this.#trailers = null
    this.#over()
  }

  #over(): void {
    this.#receiveWindow.release()
    this.#owner.streamClosed(this)
  }

  /** Take `bytes` from the first chunk, which holds at least as many. */
  #shift(bytes: number): Buffer {
    const chunk = this.#first!
    this.#pendingBytes -= bytes
    if (bytes < chunk.length) {
      this.#first = chunk.subarray(bytes)
      return chunk.subarray(0, bytes)
    }
    this.#first = this.#rest?.shift() ?? null
    return chunk
  }
}
