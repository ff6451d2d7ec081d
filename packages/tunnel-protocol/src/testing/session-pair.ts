import assert from 'node:assert/strict'
import { FRAME_HEADER_BYTES } from '../constants.js'
import type { TunnelError } from '../errors.js'
import { writeHeader } from '../frame/header.js'
import { FrameReader } from '../frame/reader.js'
import { type OpenRequest, Session, type SessionOptions } from '../session/session.js'
import type { Stream, StreamHandler } from '../session/stream.js'
import { linkPair, type MemoryLink } from './link.js'
import { turn } from './memory-socket.js'

/** How long until() waits: machines are slow when they are busy. */
const DEADLINE_MS = 30_000

/** The bytes of one frame, right or wrong. */
export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload)
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + body.length)
  writeHeader(bytes, 0, type, flags, streamId, body.length)
  body.copy(bytes, FRAME_HEADER_BYTES)
  return bytes
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

export interface PlainFrame {
  type: number
  flags: number
  streamId: number
  payload: Buffer
}

/** The frames in `bytes`; every part of a DATA frame counts as one of its own. */
export function framesIn(bytes: Buffer): PlainFrame[] {
  const frames: PlainFrame[] = []
  const reader = new FrameReader({
    onFrame: (type, flags, streamId, bytes, start, end) =>
      frames.push({ type, flags, streamId, payload: bytes.subarray(start, end) }),
    onData: (streamId, payload, end) => frames.push({ type: 0x13, flags: end ? 1 : 0, streamId, payload }),
  })
  reader.push(bytes)
  return frames
}

/** Writes down what a stream says. Reads at once as soon as it knows its stream, unless `slow`. */
export class RecordingHandler implements StreamHandler {
  stream: Stream | undefined
  slow = false
  readonly events: string[] = []
  readonly parts: Buffer[] = []
  heads: string[] = []
  trailers = ''
  error: TunnelError | undefined
  drains = 0
  unread = 0

  get bytes(): Buffer {
    return Buffer.concat(this.parts)
  }

  onHead(head: string): void {
    this.events.push('head')
    this.heads.push(head)
  }

  onInterim(head: string): void {
    this.events.push('interim')
    this.heads.push(head)
  }

  onData(part: Buffer): void {
    if (this.events.at(-1) !== 'data') this.events.push('data')
    this.parts.push(part)
    this.unread += part.length
    if (!this.slow) this.read()
  }

  onTrailers(trailers: string): void {
    this.events.push('trailers')
    this.trailers = trailers
  }

  onEnd(): void {
    this.events.push('end')
  }

  onReset(error: TunnelError): void {
    this.events.push('reset')
    this.error = error
  }

  onDrain(): void {
    this.drains++
  }

  /** Read up to `bytes` of what waits. */
  read(bytes = this.unread): void {
    const read = Math.min(bytes, this.unread)
    this.unread -= read
    if (read > 0) this.stream?.consumed(read)
  }
}

export interface OpenedStream {
  stream: Stream
  open: OpenRequest
  handler: RecordingHandler
}

type PairOptions = Pick<
  SessionOptions,
  'windowBytes' | 'grownWindowBytes' | 'growthBudget' | 'maxWindowBytes' | 'tuningBudget' | 'maxStreams' | 'now'
>

/** A server's and an agent's session over an in-memory link, without timers: nothing moves until pump(). */
export class SessionPair {
  readonly server: Session
  readonly agent: Session
  serverLink!: MemoryLink
  agentLink!: MemoryLink
  readonly closed = { server: [] as TunnelError[], agent: [] as TunnelError[] }
  readonly controls = { server: [] as object[], agent: [] as object[] }
  /** The streams the agent was given, in order. */
  readonly opened: OpenedStream[] = []
  /** What the agent does with a new stream before it hands out its handler. */
  onOpen: (opened: OpenedStream) => void = () => {}
  /** Who handles a new stream on the agent's side, where it is not the recording one. */
  handlerOf: (opened: OpenedStream) => StreamHandler = ({ handler }) => handler
  readonly #deferred: Array<() => void> = []
  /** Taken for the round-trip time of each link. */
  readonly #roundTripMs: number | undefined
  /** Links that were given up, with what is still on its way there. */
  readonly #old: MemoryLink[] = []
  /** The link that the agent has opened and is not attached to yet, and what each side says it has received. */
  #next: { server: MemoryLink; agent: MemoryLink; received: { agent: number; server: number | undefined } } | undefined

  /** `resumable`: sessions wait for another link when they lose theirs. `roundTripMs`: what is known of each link from the beginning. */
  constructor({
    resumable = false,
    roundTripMs,
    ...options
  }: PairOptions & {
    resumable?: boolean
    roundTripMs?: number
  } = {}) {
    this.#roundTripMs = roundTripMs
    const defer = (flush: () => void) => void this.#deferred.push(flush)
    const waits = resumable ? { onDetached() {} } : {}
    this.server = new Session({
      ...options,
      role: 'server',
      defer,
      handler: {
        ...waits,
        onControl: (message) => this.controls.server.push(message),
        onClose: (error) => this.closed.server.push(error),
      },
    })
    this.agent = new Session({
      ...options,
      role: 'agent',
      defer,
      handler: {
        ...waits,
        onControl: (message) => this.controls.agent.push(message),
        onClose: (error) => this.closed.agent.push(error),
        onOpen: (stream, open) => {
          const handler = new RecordingHandler()
          handler.stream = stream
          const opened = { stream, open, handler }
          this.opened.push(opened)
          this.onOpen(opened)
          return this.handlerOf(opened)
        },
      },
    })
    this.server.setPeerWindow(this.agent.windowBytes)
    this.agent.setPeerWindow(this.server.windowBytes)
    this.reconnect()
  }

  /** A new link, as after a cut that neither, one or both of the sides have noticed. */
  reconnect(): void {
    this.agent.dropLink('cut')
    this.server.dropLink('cut')
    const received = { server: this.server.receivedBytes, agent: this.agent.receivedBytes }
    ;[this.serverLink, this.agentLink] = this.#dial()
    this.#next = undefined
    this.server.attach(this.serverLink, received.agent)
    this.agent.attach(this.agentLink, received.server)
  }

  #dial(): [MemoryLink, MemoryLink] {
    const links = linkPair()
    for (const link of links) link.roundTripMs = this.#roundTripMs
    return links
  }

  /** One side gives its link up, and the other one is not told. */
  dropSilently(side: 'server' | 'agent'): void {
    const link = side === 'server' ? this.serverLink : this.agentLink
    link.silent = true
    this.#old.push(link, link.peer)
    this[side].dropLink('cut')
  }

  /** The agent opens another link, and says how much it has received; the server has not heard of it yet. */
  redial(): void {
    this.dropSilently('agent')
    const [server, agent] = this.#dial()
    this.#next = { server, agent, received: { agent: this.agent.receivedBytes, server: undefined } }
  }

  /** The server hears of the agent's new link, gives its old one up, and answers. */
  accept(): void {
    const next = this.#next
    if (next === undefined || next.received.server !== undefined) return
    this.dropSilently('server')
    this.serverLink = next.server
    this.serverLink.stalled = true // until the answer in front of it has arrived
    next.received.server = this.server.receivedBytes
    this.server.attach(this.serverLink, next.received.agent)
  }

  /** The agent hears the answer. */
  answer(): void {
    if (this.#next?.received.server === undefined) return
    const { agent, received } = this.#next
    this.#next = undefined
    this.agentLink = agent
    this.serverLink.stalled = false
    this.agent.attach(agent, received.server)
  }

  /** One side's bytes stay where they are, or no longer; those behind an answer that has not arrived stay in any case. */
  stall(side: 'server' | 'agent', stalled: boolean): void {
    if (side === 'agent') this.agentLink.stalled = stalled
    else if (this.#next?.received.server === undefined) this.serverLink.stalled = stalled
  }

  /** What is still on its way on links that were given up arrives. */
  deliverLate(): void {
    for (const link of this.#old) link.deliver()
  }

  /** Open a stream and let it reach the agent. */
  open(head?: string, end?: boolean, tunnel?: number): { near: RecordingHandler; stream: Stream; far: OpenedStream } {
    const opened = this.openLater(head, end, tunnel)
    this.pump()
    return { ...opened, far: this.opened.at(-1)! }
  }

  /** Open a stream that reaches the agent with the next pump(). */
  openLater(
    head = 'GET / HTTP/1.1\r\nHost: demo\r\n',
    end = false,
    tunnel = 7,
  ): { near: RecordingHandler; stream: Stream } {
    const near = new RecordingHandler()
    const stream = this.server.openStream(1, tunnel, head, end, near)
    near.stream = stream
    return { near, stream }
  }

  /** Run what was put off until the end of the turn, once. Returns whether there was anything. */
  turn(): boolean {
    const flushes = this.#deferred.splice(0)
    for (const flush of flushes) flush()
    return flushes.length > 0
  }

  /** Go on until neither side has anything left to do. Returns whether there was anything. */
  pump(): boolean {
    let rounds = 0
    for (let moved = true; moved; rounds++) {
      moved = this.turn()
      moved = this.serverLink.deliver() || moved
      moved = this.agentLink.deliver() || moved
    }
    return rounds > 1
  }

  /** Go on until `done`, through what only the system can bring about. */
  async until(done: () => boolean): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS
    while (!done()) {
      assert.ok(Date.now() < deadline, 'nothing happens any more')
      this.pump()
      await turn()
    }
  }
}

/** One session whose peer is the test itself: feed it bytes, look at the frames it sends. */
export class LoneSession {
  readonly session: Session
  readonly link: MemoryLink
  readonly closed: TunnelError[] = []
  readonly controls: object[] = []
  readonly opened: OpenedStream[] = []
  onOpen: (opened: OpenedStream) => void = () => {}
  readonly #deferred: Array<() => void> = []
  readonly #received: Buffer[] = []

  constructor(role: 'server' | 'agent', options: PairOptions = {}) {
    this.session = new Session({
      ...options,
      role,
      defer: (flush) => void this.#deferred.push(flush),
      handler: {
        onControl: (message) => this.controls.push(message),
        onClose: (error) => this.closed.push(error),
        onOpen: (stream, open) => {
          const handler = new RecordingHandler()
          handler.stream = stream
          const opened = { stream, open, handler }
          this.opened.push(opened)
          this.onOpen(opened)
          return handler
        },
      },
    })
    const [ours, theirs] = linkPair()
    this.link = ours
    theirs.handler = { onBytes: (chunk) => this.#received.push(chunk), onDrained() {}, onClosed() {} }
    this.session.attach(ours)
  }

  feed(...chunks: Buffer[]): void {
    for (const chunk of chunks) this.session.onBytes(chunk)
  }

  turn(): void {
    for (const flush of this.#deferred.splice(0)) flush()
  }

  /** Everything sent since the last call, as frames. */
  sent(): PlainFrame[] {
    do {
      this.turn()
    } while (this.link.deliver() || this.#deferred.length > 0)
    return framesIn(Buffer.concat(this.#received.splice(0)))
  }
}
