import type { Socket } from 'node:net'
import {
  checkTrailers,
  type ErrorCode,
  errorTable,
  FrameBoundaries,
  frameHeader,
  type Logger,
  Opcode,
  type Outlet,
  type Provenance,
  parseResponseHead,
  type RequestHead,
  type ResponseHead,
  type Stream,
  type StreamHandler,
  StreamKind,
  TunnelError,
} from 'tunnel-protocol'
import type { Member } from '../registry/tunnel.js'
import { accessFields } from './access-line.js'
import { withoutOurSetCookies } from './gate/cookies.js'
import { type Loss, lossOf } from './repeat.js'
import { ResponseWriter } from './response.js'

/** The visitor's connection, as an exchange sees it. */
export interface VisitorSide {
  readonly socket: Socket
  /** Everything behind a response head goes through it. */
  readonly outlet: Outlet
  /** The response after which this connection closes must say so. */
  readonly closing: boolean
  /** The request has come through a gate, whose cookies are not the app's to set. */
  readonly isGuarded: boolean
  /** The socket may be read again. */
  resume(): void
  /** From now on bytes go both ways as they are. */
  switchedToRaw(): void
  /** Request and response are complete. */
  exchangeDone(close: boolean): void
  /** The response is complete, the request will not be. */
  finishEarly(): void
  /**
   * The stream has been lost, and with it nothing of an answer. Returns whether the request goes to another agent, now or soon; then
   * the exchange is over.
   */
  repeat(loss: Loss): boolean
  /** Answer with an error page. */
  refuse(error: TunnelError, request: RequestHead): void
  /** Break the connection behind what was written: bytes are missing and there is no other way left to say so. */
  breakOff(): void
}

/** Interim heads cost no credit; this many bytes of answers may be unread when one comes. */
const MAX_UNREAD_BYTES = 256 * 1024

/** A close frame that says "service restart" (RFC 6455 section 7.4.1, and the registry that it opens): come back. */
const SERVICE_RESTART = Buffer.concat([frameHeader(Opcode.Close, 2, undefined), Buffer.from([1012 >> 8, 1012 & 0xff])])

/** Where finished exchanges are reported; absent where nobody listens, so that the path costs nothing. */
export type AccessLog = Logger | undefined

/** One visitor request and its response: frames of a stream on one side, the visitor's socket on the other. */
export class Exchange implements StreamHandler {
  readonly request: RequestHead
  /** Whose agent has the request. */
  readonly member: Member
  readonly #visitor: VisitorSide
  readonly #stream: Stream
  readonly #accessLog: AccessLog
  readonly #from: Provenance
  readonly #startedAt: number
  #response: ResponseWriter | undefined
  #trailers = ''
  #requestDone: boolean
  /** The agent has sent all of the response. */
  #ended = false
  /** All of the response has been written. */
  #responseDone = false
  /** After a 101: bytes go both ways as they are. */
  #raw = false
  /** Of a WebSocket: the frames that go to the visitor. */
  #frames: FrameBoundaries | undefined
  /** `due`: the visitor of a WebSocket gets our close frame at the end of the current one. `said`: it has got it, and nothing after it. */
  #goodbye: 'due' | 'said' | undefined
  /** The agent has said something. */
  #answered = false

  /** Throws what Session.openStream throws. */
  constructor(visitor: VisitorSide, request: RequestHead, member: Member, from: Provenance, accessLog: AccessLog) {
    this.#visitor = visitor
    this.request = request
    this.member = member
    this.#from = from
    this.#accessLog = accessLog
    this.#startedAt = accessLog === undefined ? 0 : performance.now()
    this.#requestDone = request.framing === 'none'
    const { upgrade } = request
    const upgradeLines = upgrade === undefined ? '' : `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`
    const head = `${request.method} ${request.target} HTTP/1.1\r\n${request.forward}${from.lines}${upgradeLines}`
    this.#stream = member.holder.session.openStream(
      upgrade === undefined ? StreamKind.Http : StreamKind.Upgrade,
      member.number,
      head,
      this.#requestDone && upgrade === undefined,
      this,
    )
    visitor.outlet.begin(this.#stream)
  }

  /** Bytes go through as they are: the visitor connection must not look for requests in them. */
  get raw(): boolean {
    return this.#raw
  }

  /** Names the exchange in both logs. */
  get id(): string {
    return `${this.member.holder.id}-${this.#stream.id}`
  }

  // Visitor → agent

  /** Request body, or raw bytes. Returns false when the visitor's socket should pause. */
  fromVisitor(part: Buffer): boolean {
    return this.#stream.write(part)
  }

  /** The request is complete. */
  requestEnded(trailers: string): void {
    this.#requestDone = true
    this.#stream.end(trailers)
    this.#finishIfDone()
  }

  /** After a 101 the visitor sends nothing more, but still reads. */
  visitorEnded(): void {
    this.#stream.end()
  }

  /** The edge gives the exchange up: its visitor is gone, breaks a rule or a limit. */
  abandon(code: ErrorCode, detail: string): void {
    if (this.#responseDone && this.#requestDone) return
    if (!this.#stream.closed) {
      const outcome = code === 'TUN_ERR_VISITOR_GONE' ? 'visitor gone' : code
      this.#log(this.#response?.head.status ?? errorTable[code].status ?? 499, outcome)
    }
    this.#stream.reset(code, detail)
  }

  /**
   * The server goes away: end a WebSocket with a close frame. What the visitor answers still goes to the app, which so hears of it in the same way.
   * Returns false for everything that is no WebSocket.
   */
  sayGoodbye(): boolean {
    if (this.#frames === undefined || this.#ended) return false
    this.#goodbye ??= 'due'
    if (this.#frames.between) this.#endWebSocket()
    return true
  }

  get responseStarted(): boolean {
    return this.#response !== undefined || this.#raw
  }

  // Agent → visitor

  onInterim(text: string): void {
    this.#answered = true
    if (this.responseStarted || this.request.minor === 0) return
    try {
      const head = parseResponseHead(text, this.request.method)
      if (head.status < 100 || head.status > 199 || head.status === 101) {
        throw new TunnelError('TUN_ERR_PROTOCOL', 'an interim response must have a 1xx status')
      }
      if (this.#visitor.socket.writableLength > MAX_UNREAD_BYTES) {
        throw new TunnelError('TUN_ERR_ORIGIN_RESET', 'the app sends more interim responses than the visitor reads')
      }
      this.#visitor.outlet.text(`HTTP/1.1 ${head.status} ${head.reason}\r\n${this.#linesOf(head)}\r\n`)
    } catch (error) {
      this.#fail(TunnelError.from(error))
    }
  }

  onHead(text: string): void {
    this.#answered = true
    try {
      if (this.responseStarted) throw new TunnelError('TUN_ERR_PROTOCOL', 'the agent sent a second response')
      const head = parseResponseHead(text, this.request.method)
      head.forward = this.#linesOf(head)
      if (head.status === 101) {
        this.#startRaw(head.reason, head.forward, head.upgrade)
        return
      }
      if (head.status < 200)
        throw new TunnelError('TUN_ERR_PROTOCOL', 'the agent sent an interim response as a final one')
      const close = this.#visitor.closing || head.connectionClose
      this.#response = new ResponseWriter(this.#visitor.outlet, this.request, head, close)
      if (this.request.upgrade !== undefined) {
        // Refused: the upgrade request had no body, and raw bytes will not follow.
        this.#stream.end()
        this.#requestDone = true
      }
    } catch (error) {
      this.#fail(TunnelError.from(error))
    }
  }

  /** What of the app's header lines goes to the visitor. */
  #linesOf({ forward }: ResponseHead): string {
    return this.#visitor.isGuarded ? withoutOurSetCookies(forward) : forward
  }

  onData(part: Buffer): void {
    try {
      if (this.#raw) {
        this.#sendRaw(part)
        return
      }
      if (this.#response === undefined)
        throw new TunnelError('TUN_ERR_PROTOCOL', 'the agent sent a body without a head')
      this.#response.write(part)
    } catch (error) {
      this.#fail(TunnelError.from(error))
    }
  }

  #sendRaw(part: Buffer): void {
    if (this.#goodbye === 'said') return
    const end = this.#goodbye === 'due' ? this.#frames!.endIn(part) : part.length + 1
    if (end <= part.length) {
      this.#visitor.outlet.write(part.subarray(0, end), false)
      this.#endWebSocket()
      return
    }
    if (this.#goodbye === undefined) this.#frames?.push(part)
    this.#visitor.outlet.write(part, false)
  }

  #endWebSocket(): void {
    if (this.#goodbye === 'said') return
    this.#goodbye = 'said'
    const { outlet, socket } = this.#visitor
    const end = () => {
      outlet.piece(SERVICE_RESTART)
      outlet.send()
      socket.end()
    }
    if (outlet.empty) end()
    else outlet.whenEmpty(end)
  }

  onTrailers(trailers: string): void {
    try {
      checkTrailers(trailers, 'TUN_ERR_PROTOCOL')
      this.#trailers = trailers
    } catch (error) {
      this.#fail(TunnelError.from(error))
    }
  }

  onEnd(): void {
    try {
      if (!this.responseStarted) throw new TunnelError('TUN_ERR_PROTOCOL', 'the agent ended without a response')
      this.#response?.checkComplete()
    } catch (error) {
      this.#fail(TunnelError.from(error))
      return
    }
    this.#ended = true
    if (this.#goodbye === 'said') return
    const { outlet } = this.#visitor
    if (outlet.empty) this.#endResponse()
    else outlet.whenEmpty(() => this.#endResponse())
  }

  #endResponse(): void {
    if (this.#response === undefined) {
      this.#visitor.outlet.send()
      this.#visitor.socket.end() // raw: half-closed
      return
    }
    this.#response.end(this.#trailers)
    this.#responseDone = true
    this.#log(this.#response.head.status, 'served')
    if (this.#stream.closed && !this.#requestDone) this.#visitor.finishEarly()
    else this.#finishIfDone()
  }

  onReset(error: TunnelError): void {
    // The answer is out; the rest of the request body is not wanted (TUN_ERR_NO_BODY_NEEDED) or can't be delivered.
    if (this.#responseDone || this.#goodbye === 'said') this.#visitor.finishEarly()
    else if (!this.#ended || this.#raw) {
      if (!this.#isRepeated(lossOf(error, this.member.holder.hasEnded(error)))) this.#giveUp(error)
    }
    // else the end of the answer waits for the visitor to read, and then does the same.
  }

  onDetached(): void {
    if (this.#isRepeated('linkLost')) this.#stream.reset('TUN_ERR_VISITOR_GONE', 'another agent has the request')
  }

  #isRepeated(loss: Loss | undefined): boolean {
    return loss !== undefined && !this.#answered && this.#visitor.repeat(loss)
  }

  onDrain(): void {
    this.#visitor.resume()
  }

  #startRaw(reason: string, forward: string, upgrade: string | undefined): void {
    if (this.request.upgrade === undefined || upgrade === undefined) {
      throw new TunnelError('TUN_ERR_PROTOCOL', 'the agent switched protocols without being asked')
    }
    this.#raw = true
    if (upgrade.toLowerCase() === 'websocket') this.#frames = new FrameBoundaries()
    this.#visitor.outlet.text(`HTTP/1.1 101 ${reason}\r\n${forward}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`)
    this.#log(101, 'upgraded')
    this.#visitor.switchedToRaw()
  }

  #finishIfDone(): void {
    if (!this.#responseDone || !this.#requestDone) return
    this.#visitor.exchangeDone(this.#response!.closes)
  }

  /** Our side finds fault with what the agent sent. */
  #fail(error: TunnelError): void {
    this.#stream.reset(error.code, error.detail)
    this.#giveUp(error)
  }

  #giveUp(error: TunnelError): void {
    this.#log(this.#response?.head.status ?? error.status, error.code)
    // Without a head there is still a status to give; after it only a broken connection tells the visitor that bytes are missing.
    if (this.responseStarted) this.#visitor.breakOff()
    else this.#visitor.refuse(error, this.request)
  }

  #log(status: number, outcome: string): void {
    this.#accessLog?.info(
      {
        request: this.id,
        ...accessFields(this.request, this.#from, status),
        bytes: this.#response?.bytes ?? 0,
        ms: Math.round(performance.now() - this.#startedAt),
      },
      outcome,
    )
  }
}
