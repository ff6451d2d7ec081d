import {
  ACK_AFTER_BYTES,
  ACK_ALONG_BYTES,
  ACK_SHARE,
  DATA_FRAME_BYTES,
  DEFAULT_MAX_STREAMS,
  DEFAULT_WINDOW_BYTES,
  FIRST_WINDOW_BYTES,
  FrameFlag,
  FrameType,
  GROWN_WINDOW_BYTES,
  LINK_HEADROOM_BYTES,
  LINK_HIGH_WATER_BYTES,
  MAX_FRAME_BYTES,
  MAX_QUEUED_CONTROL_BYTES,
  MAX_UNACKNOWLEDGED_BYTES,
  MAX_WINDOW_BYTES,
  MIN_WINDOW_BYTES,
  OPEN_PREFIX_BYTES,
  SESSION_GROWTH_BYTES,
  SESSION_TUNING_BYTES,
  SMALL_DATA_BYTES,
  type StreamKind,
} from '../constants.js'
import { TunnelError } from '../errors.js'
import { FrameBatch } from '../frame/batch.js'
import { errorFromPayload, errorPayload } from '../frame/error-payload.js'
import { FrameReader, type FrameSink } from '../frame/reader.js'
import type { Link, LinkHandler } from '../link/link.js'
import type { WindowGrowth } from './receive-window.js'
import { ResendBuffer } from './resend-buffer.js'
import { RoundTrip } from './round-trip.js'
import { Scheduler } from './scheduler.js'
import { Stream, type StreamHandler, type StreamOwner } from './stream.js'
import { isLater, nextStreamId } from './stream-id.js'
import { StreamTable } from './stream-table.js'
import { WindowBudget } from './window-budget.js'
import type { WindowTuning } from './window-tuner.js'

/** What the server says when it opens a stream. */
export interface OpenRequest {
  kind: number
  /** The number the agent gave the tunnel when it bound it. */
  tunnel: number
  /** Request head: HTTP/1.1 as latin1 text, without the empty line. */
  head: string
  /** Nothing follows the head. */
  bodyless: boolean
}

export interface SessionHandler {
  /** A control message: any JSON object; the receiver checks its shape. */
  onControl(message: Record<string, unknown>): void
  /** Agent only: the server opened a stream. Returns what handles it. Throwing a TunnelError resets the stream. */
  onOpen?(stream: Stream, open: OpenRequest): StreamHandler
  /**
   * The link is lost, and the session waits for another one: attach() goes on where it stopped, close() gives up.
   * A session whose handler has no such method ends with its link, and so does one after endWithLink().
   */
  onDetached?(reason: string): void
  /** The last open stream is over; everything it had to send has been handed to the link, or waits in front of what is sent next. */
  onIdle?(): void
  /** The session is over; all its streams have been reset before. Called once. */
  onClose(error: TunnelError): void
}

export interface SessionOptions {
  role: 'server' | 'agent'
  handler: SessionHandler
  /** Bytes we hold per stream while its reader is slow; told to the peer in hello or welcome. Default 65_536. */
  windowBytes?: number
  /** To how many bytes the window of a stream grows whose reader keeps up. Default 262_144. */
  grownWindowBytes?: number
  /** What the windows of all sessions of this process may grow by together. Default: no limit but that of each session. */
  growthBudget?: WindowBudget
  /** To how many bytes such a window is tuned on a long way. Default 16_777_216. */
  maxWindowBytes?: number
  /** What all of these may have beyond `grownWindowBytes` each. Default: no limit but that of each session. */
  tuningBudget?: WindowBudget
  /** Streams at once. Default 2_048. */
  maxStreams?: number
  /** How to run something at the end of this event-loop turn. Default setImmediate; tests pass their own. */
  defer?: (flush: () => void) => void
  /** Milliseconds on a clock that only goes forward. Default performance.now(); tests pass their own. */
  now?: () => number
}

const closedHandler: StreamHandler = {
  onHead() {},
  onInterim() {},
  onData() {},
  onTrailers() {},
  onEnd() {},
  onReset() {},
  onDrain() {},
}

/**
 * The streams between one server and one agent, and all that outlives a link. A session counts the bytes it has sent and received, and keeps
 * what the peer has not acknowledged: on a new link both sides go on at the byte where the other one stopped, be it in the middle of a frame.
 * Nothing the peer sends does more than end this session: every fault becomes one TunnelError in onClose.
 */
export class Session implements FrameSink, LinkHandler, StreamOwner {
  readonly #role: 'server' | 'agent'
  readonly #handler: SessionHandler
  readonly #defer: (flush: () => void) => void
  readonly #windowBytes: number
  readonly #growth: WindowGrowth
  readonly #tuning: WindowTuning
  readonly #maxStreams: number
  readonly #streams = new StreamTable<Stream>()
  readonly #scheduler = new Scheduler()
  readonly #batch = new FrameBatch()
  readonly #reader: FrameReader
  readonly #unacknowledged = new ResendBuffer()
  /** It may get another link when it loses this one. */
  #resumable = true
  #receivedBytes = 0
  /** What the peer was last told of #receivedBytes. */
  #acknowledgedBytes = 0
  #link: Link | undefined
  #peerWindowBytes = DEFAULT_WINDOW_BYTES
  #lastStreamId = 0
  #flushScheduled = false
  #closed = false
  #unanswered = false
  /** Numbers the PINGs, so that the answer to an old one is not taken for that to the last. */
  #pings = 0
  #onPong: (() => void) | undefined
  readonly #flush = () => {
    this.#flushScheduled = false
    this.flush()
  }

  constructor(options: SessionOptions) {
    this.#role = options.role
    this.#handler = options.handler
    this.#defer = options.defer ?? setImmediate
    this.#windowBytes = options.windowBytes ?? FIRST_WINDOW_BYTES
    this.#tuning = {
      maxBytes: options.maxWindowBytes ?? MAX_WINDOW_BYTES,
      budget: new WindowBudget(SESSION_TUNING_BYTES, options.tuningBudget),
      roundTrip: new RoundTrip(),
      now: options.now ?? (() => performance.now()),
    }
    this.#growth = {
      maxBytes: options.grownWindowBytes ?? GROWN_WINDOW_BYTES,
      budget: new WindowBudget(SESSION_GROWTH_BYTES, options.growthBudget),
      tuning: this.#tuning,
    }
    this.#maxStreams = options.maxStreams ?? DEFAULT_MAX_STREAMS
    this.#reader = new FrameReader(this)
  }

  get streamCount(): number {
    return this.#streams.size
  }

  get windowBytes(): number {
    return this.#windowBytes
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Bytes held in memory for this session: queued to send, and received but not yet read. */
  get heldBytes(): number {
    let bytes = this.#batch.bytes
    for (const stream of this.#streams.all()) bytes += stream.pendingBytes + stream.heldBytes
    return bytes
  }

  get congested(): boolean {
    return this.#link === undefined || this.#link.bufferedBytes + this.#batch.bytes >= LINK_HIGH_WATER_BYTES
  }

  /** Frames other than DATA that wait to be sent, in bytes. */
  get queuedBytes(): number {
    return this.#batch.bytes
  }

  /** A link is attached. */
  get attached(): boolean {
    return this.#link !== undefined
  }

  /** Bytes received since the session began: where the peer has to go on, on a new link. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** Frames of streams have been sent since the peer was last heard. They are what calls for a sign of life: PONG and ACK answer something. */
  get unanswered(): boolean {
    return this.#unanswered
  }

  /** Bytes that the peer has not acknowledged, kept to be sent again. */
  get unacknowledgedBytes(): number {
    return this.#unacknowledged.keptBytes
  }

  /**
   * Use `link` from now on. On any but the first link: `peerReceivedBytes` is what the peer says it has got; everything behind that is sent again.
   * The link before, if there is one, is cut, and nothing it may still say is heard.
   */
  attach(link: Link, peerReceivedBytes = 0): void {
    if (this.#closed) {
      link.destroy()
      return
    }
    this.#cutLink()
    this.#link = link
    this.#tuning.roundTrip = new RoundTrip(link.roundTripMs)
    link.handler = this
    this.#onPong = undefined
    try {
      const again = this.#unacknowledged.from(peerReceivedBytes)
      if (again.length > 0) link.send(again)
    } catch (error) {
      this.close(TunnelError.from(error))
      return
    }
    this.#scheduleFlush()
  }

  /** From now on the session ends with its link: nothing is kept for another one, and the peer is not told what need not be kept. */
  endWithLink(): void {
    this.#resumable = false
    this.#unacknowledged.clear()
  }

  /** Give the link up, dead or alive: the session waits for another one. */
  dropLink(reason: string): void {
    if (this.#link === undefined) return
    this.#cutLink()
    this.#onLinkLost(reason)
  }

  /** From here on the link says nothing to this session. */
  #cutLink(): void {
    const link = this.#link
    if (link === undefined) return
    this.#link = undefined
    link.handler = undefined
    link.destroy()
  }

  /** What the peer announced it will hold per stream. Ignored unless a sane number; streams opened later start with it. */
  setPeerWindow(bytes: unknown): void {
    if (typeof bytes !== 'number' || !Number.isInteger(bytes)) return
    if (bytes >= MIN_WINDOW_BYTES && bytes <= MAX_WINDOW_BYTES) this.#peerWindowBytes = bytes
  }

  sendControl(message: object): void {
    this.sendFrame(FrameType.Control, 0, 0, Buffer.from(JSON.stringify(message)))
  }

  /** How long an answer takes on the link that there is now. */
  get roundTrip(): RoundTrip {
    return this.#tuning.roundTrip
  }

  /** `onPong` is called once, when the peer has answered this PING; not any more once another one goes out, or there is a new link. */
  ping(onPong: () => void): void {
    this.#onPong = onPong
    this.#pings = (this.#pings + 1) >>> 0
    const payload = Buffer.allocUnsafe(4)
    payload.writeUInt32BE(this.#pings, 0)
    this.sendFrame(FrameType.Ping, 0, 0, payload)
  }

  /**
   * Server only: open a stream. With `end` the request has no body.
   * Throws TUN_ERR_TOO_MANY_STREAMS, TUN_ERR_SESSION_CLOSED, or TUN_ERR_HEAD_TOO_LARGE.
   */
  openStream(kind: StreamKind, tunnel: number, head: string, end: boolean, handler: StreamHandler): Stream {
    if (this.#closed) throw new TunnelError('TUN_ERR_SESSION_CLOSED', 'the agent is no longer connected')
    if (this.#streams.size >= this.#maxStreams || this.#batch.bytes > MAX_QUEUED_CONTROL_BYTES / 2) {
      throw new TunnelError('TUN_ERR_TOO_MANY_STREAMS', `this agent already carries ${this.#streams.size} requests`)
    }
    if (OPEN_PREFIX_BYTES + head.length > MAX_FRAME_BYTES) {
      throw new TunnelError('TUN_ERR_HEAD_TOO_LARGE', `the request head has ${head.length} bytes`)
    }
    this.#lastStreamId = nextStreamId(this.#lastStreamId, this.#streams)
    const stream = new Stream(this.#lastStreamId, this, handler, this.#peerWindowBytes, this.#windowBytes, this.#growth)
    stream.headDue = true
    this.#streams.add(stream)
    this.#batch.addOpen(end ? FrameFlag.End : 0, stream.id, kind, tunnel, head)
    this.#unanswered = true
    this.#queued()
    if (end) stream.endedWithHead()
    return stream
  }

  /** End the session: tell the peer why, reset every stream, close the link. */
  close(error: TunnelError): void {
    if (this.#closed) return
    this.#closed = true
    const link = this.#link
    if (link !== undefined) {
      this.#batch.add(FrameType.GoAway, 0, 0, errorPayload(error.code, error.detail))
      link.send(this.#batch.take(), LINK_HEADROOM_BYTES)
      link.close()
    }
    this.#finish(error)
  }

  // Link → session

  onBytes(chunk: Buffer): void {
    if (this.#closed) return
    this.#receivedBytes += chunk.length
    this.#unanswered = false
    try {
      this.#reader.push(chunk)
    } catch (error) {
      this.close(TunnelError.from(error))
      return
    }
    // On a long way much is under way: the peer may keep a little more, and mostly a grant comes before it, along with which it costs no packet.
    const ackAfter = Math.max(ACK_AFTER_BYTES, this.#tuning.budget.usedBytes * ACK_SHARE)
    if (this.#receivedBytes - this.#acknowledgedBytes >= ackAfter) {
      this.#acknowledge()
      this.#scheduleFlush()
    }
  }

  onDrained(): void {
    if (this.#scheduler.waiting || this.#batch.bytes > 0) this.#scheduleFlush()
  }

  onClosed(reason: string): void {
    this.#link = undefined
    this.#onLinkLost(reason)
  }

  #onLinkLost(reason: string): void {
    if (this.#closed) return
    if (this.#resumable && this.#handler.onDetached !== undefined) {
      this.#handler.onDetached(reason)
      if (!this.attached) for (const stream of this.#streams.all()) stream.handler.onDetached?.()
      return
    }
    this.#closed = true
    this.#finish(new TunnelError('TUN_ERR_SESSION_CLOSED', `the connection was lost (${reason})`))
  }

  /** Tell the peer what need not be kept any longer, with the next flush. */
  #acknowledge(): void {
    if (this.#closed || !this.#resumable) return
    this.#acknowledgedBytes = this.#receivedBytes
    const payload = Buffer.allocUnsafe(8)
    payload.writeUInt32BE(Math.floor(this.#receivedBytes / 2 ** 32), 0)
    payload.writeUInt32BE(this.#receivedBytes % 2 ** 32, 4)
    this.#batch.add(FrameType.Ack, 0, 0, payload)
  }

  // FrameReader → session

  onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#closed) return
    if (type < 0x10) {
      this.#onSessionFrame(type, bytes.subarray(start, end))
      return
    }
    const isEnd = (flags & FrameFlag.End) !== 0
    if (type === FrameType.Open) {
      this.#onOpen(streamId, bytes, start, end, isEnd)
      return
    }
    const stream = this.#find(streamId)
    if (stream === undefined) return
    switch (type) {
      case FrameType.Head:
        stream.receiveHead(bytes.toString('latin1', start, end), isEnd)
        return
      case FrameType.Interim:
        stream.receiveInterim(bytes.toString('latin1', start, end))
        return
      case FrameType.Trailers:
        stream.receiveTrailers(bytes.toString('latin1', start, end))
        return
      case FrameType.Reset:
        stream.receiveReset(errorFromPayload(bytes.subarray(start, end)))
        return
      case FrameType.Credit:
        if (end - start !== 4) throw new TunnelError('TUN_ERR_PROTOCOL', 'a CREDIT frame must be 4 bytes long')
        stream.receiveCredit(bytes.readUInt32BE(start))
    }
  }

  onData(streamId: number, part: Buffer, end: boolean): void {
    if (this.#closed) return
    this.#find(streamId)?.receiveData(part, end)
  }

  // Stream → session

  sendFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#closed) return
    this.#batch.add(type, flags, streamId, payload)
    if (type >= FrameType.Open) this.#unanswered = true
    this.#queued()
  }

  sendText(type: number, flags: number, streamId: number, text: string): void {
    if (this.#closed) return
    this.#batch.addText(type, flags, streamId, text)
    this.#unanswered = true
    this.#queued()
  }

  /** A frame that nothing holds back has been added to the batch. */
  #queued(): void {
    if (this.#batch.bytes > MAX_QUEUED_CONTROL_BYTES) {
      this.close(new TunnelError('TUN_ERR_FLOW_CONTROL', 'the peer causes answers faster than it reads them'))
      return
    }
    this.#scheduleFlush()
  }

  streamReady(stream: Stream): void {
    this.#scheduler.add(stream)
    this.#scheduleFlush()
  }

  sendAtOnce(stream: Stream): void {
    stream.sendNext(SMALL_DATA_BYTES, this.#emit)
    this.#scheduleFlush()
  }

  streamClosed(stream: Stream): void {
    this.#streams.delete(stream.id)
    if (this.#streams.size === 0 && !this.#closed) this.#handler.onIdle?.()
  }

  // Sending

  readonly #emit = (type: number, flags: number, streamId: number, payload: Buffer) => {
    this.#unanswered = true
    this.#batch.add(type, flags, streamId, payload)
  }

  /** Send what this turn has gathered, and bulk data as far as the link takes it. */
  flush(): void {
    const link = this.#link
    if (link === undefined || this.#closed) return
    const room = LINK_HIGH_WATER_BYTES - link.bufferedBytes
    if (room <= 0) return // onDrained comes back here
    this.#scheduler.run(room, DATA_FRAME_BYTES, this.#emit)
    if (this.#batch.bytes > 0) {
      // It costs next to nothing along with other frames, and the peer has less to keep.
      if (this.#receivedBytes - this.#acknowledgedBytes >= ACK_ALONG_BYTES) this.#acknowledge()
      const parts = this.#batch.take()
      if (this.#resumable) this.#unacknowledged.push(parts)
      link.send(parts, LINK_HEADROOM_BYTES)
      if (this.#unacknowledged.keptBytes > MAX_UNACKNOWLEDGED_BYTES) {
        this.close(new TunnelError('TUN_ERR_FLOW_CONTROL', 'the peer reads and acknowledges nothing'))
        return
      }
    }
    this.#scheduler.notifyDrained()
    if (this.#scheduler.waiting && link.bufferedBytes < LINK_HIGH_WATER_BYTES) this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    this.#defer(this.#flush)
  }

  // Receiving

  #onSessionFrame(type: number, payload: Buffer): void {
    switch (type) {
      case FrameType.Control:
        this.#handler.onControl(parseControl(payload))
        return
      case FrameType.Ping:
        if (payload.length > 64) throw new TunnelError('TUN_ERR_PROTOCOL', 'a PING frame carries over 64 bytes')
        this.sendFrame(FrameType.Pong, 0, 0, payload)
        // Between pings little is said: what the peer keeps for that little is free again.
        if (this.#receivedBytes > this.#acknowledgedBytes) this.#acknowledge()
        return
      case FrameType.Pong: {
        if (payload.length !== 4 || payload.readUInt32BE(0) !== this.#pings) return
        const onPong = this.#onPong
        this.#onPong = undefined
        onPong?.()
        return
      }
      case FrameType.Ack:
        if (payload.length !== 8) throw new TunnelError('TUN_ERR_PROTOCOL', 'an ACK frame must be 8 bytes long')
        if (!this.#resumable) return
        this.#unacknowledged.acknowledge(payload.readUInt32BE(0) * 2 ** 32 + payload.readUInt32BE(4))
        return
      case FrameType.GoAway: {
        const error = errorFromPayload(payload)
        this.#closed = true
        this.#link?.close()
        this.#finish(error)
      }
    }
  }

  #onOpen(id: number, bytes: Buffer, start: number, end: number, bodyless: boolean): void {
    if (this.#role === 'server' || this.#handler.onOpen === undefined) {
      throw new TunnelError('TUN_ERR_PROTOCOL', 'an agent may not open streams')
    }
    if (id === 0 || !isLater(id, this.#lastStreamId) || this.#streams.has(id)) {
      throw new TunnelError('TUN_ERR_PROTOCOL', `stream ${id} opened after ${this.#lastStreamId}`)
    }
    if (end - start < OPEN_PREFIX_BYTES) throw new TunnelError('TUN_ERR_PROTOCOL', 'an OPEN frame is too short')
    this.#lastStreamId = id
    const stream = new Stream(id, this, closedHandler, this.#peerWindowBytes, this.#windowBytes, this.#growth)
    this.#streams.add(stream)
    if (this.#streams.size > this.#maxStreams) {
      stream.reset('TUN_ERR_TOO_MANY_STREAMS', `this agent carries ${this.#maxStreams} requests at most`)
      return
    }
    const open: OpenRequest = {
      kind: bytes[start]!,
      tunnel: bytes.readUInt32BE(start + 1),
      head: bytes.toString('latin1', start + OPEN_PREFIX_BYTES, end),
      bodyless,
    }
    try {
      stream.setHandler(this.#handler.onOpen(stream, open))
    } catch (error) {
      const { code, detail } = TunnelError.from(error)
      stream.reset(code, detail)
      return
    }
    if (bodyless) stream.receiveEnd()
  }

  /** The stream, or nothing for one that is already over. Throws for one that was never opened. */
  #find(id: number): Stream | undefined {
    const stream = this.#streams.get(id)
    if (stream === undefined && (id === 0 || isLater(id, this.#lastStreamId))) {
      throw new TunnelError('TUN_ERR_PROTOCOL', `a frame for stream ${id}, which was never opened`)
    }
    return stream
  }

  #finish(error: TunnelError): void {
    this.#link = undefined
    this.#batch.take()
    this.#unacknowledged.clear()
    let ending = error
    for (const stream of this.#streams.all()) {
      try {
        stream.receiveReset(error)
      } catch (cause) {
        ending = TunnelError.from(cause) // a bug in one handler must not keep the others from hearing
      }
    }
    this.#handler.onClose(ending)
  }
}

/** The object of a CONTROL frame. Throws TUN_ERR_PROTOCOL. */
export function parseControl(payload: Buffer): Record<string, unknown> {
  let message: unknown
  try {
    message = JSON.parse(payload.toString())
  } catch {
    throw new TunnelError('TUN_ERR_PROTOCOL', 'a control message is not JSON')
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    throw new TunnelError('TUN_ERR_PROTOCOL', 'a control message is not a JSON object')
  }
  return message as Record<string, unknown>
}
