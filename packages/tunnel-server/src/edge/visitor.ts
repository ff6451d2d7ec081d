import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import {
  BodyReader,
  type BodySink,
  type ErrorCode,
  HeadReader,
  Outlet,
  parseRequestHead,
  ReadTurns,
  type RequestHead,
  TunnelError,
  whenEndIsClean,
  withoutForwarding,
} from 'tunnel-protocol'
import { peerOf } from '../policy/peer.js'
import { routeHost } from '../registry/route.js'
import type { Answer } from './answer.js'
import type { Edge } from './context.js'
import { bodyTooLarge, Dispatch, type RequestSide } from './dispatch.js'
import { errorPage } from './error-page.js'
import { acceptOf } from './fields.js'
import type { Door } from './gate/door.js'
import type { EdgeLimits } from './limits.js'
import type { Loss } from './repeat.js'
import { keepsAlive } from './response.js'

/** What a visitor connection needs of the edge it came in through. */
export interface EdgeContext extends Edge {
  closed(connection: VisitorConnection): void
}

/** Bytes of further requests held while one is being answered. */
const MAX_PIPELINED_BYTES = 64 * 1024
/** How long a connection that we close is read empty, so that the visitor can read our last answer. */
const LINGER_MS = 2_000

/** How long a connection without a request is kept once the server shuts down: a request may be on its way on it. */
const LAST_REQUEST_MS = 1_500

/**
 * One visitor's connection: finds its requests, and has each dispatched, one at a time and in order.
 * `heads`: looking for a request or inside one. `raw`: after a 101. `closing`: what comes is thrown away. `breaking`: the same, and the
 * connection is reset once what was written is out.
 */
export class VisitorConnection implements BodySink, RequestSide {
  readonly socket: Socket
  readonly outlet: Outlet
  readonly #edge: EdgeContext
  readonly #limits: EdgeLimits
  readonly #dispatch: Dispatch
  readonly #heads: HeadReader
  #state: 'heads' | 'raw' | 'closing' | 'breaking' = 'heads'
  /** No request has come yet. */
  #fresh = true
  #body: BodyReader | undefined
  #bodyBytes = 0
  #turns: ReadTurns | undefined
  /** Bytes behind the current request. */
  #pipelined: Buffer | undefined
  /** While a request begins: where its head was read from, and to where. */
  #chunk: Buffer | undefined
  #offset = 0
  /** The next request waits until the visitor has read enough of the answers before it. */
  #awaitsDrain = false
  /** When check() ends what the connection is doing, in EdgeContext.clock time; 0 for never. */
  #deadline: number
  /** Bytes that had gone in and out when check() last saw a change, and when that was. */
  #movedBytes = 0
  #movedAt: number

  constructor(socket: Socket, edge: EdgeContext) {
    this.socket = socket
    this.outlet = new Outlet(socket)
    this.#edge = edge
    this.#limits = edge.settings.limits
    this.#heads = new HeadReader(this.#limits.maxHeaderBytes)
    this.#deadline = this.#in(this.#limits.headTimeoutMs)
    this.#movedAt = edge.clock
    this.#dispatch = new Dispatch(edge, this, peerOf(socket, edge.isTrusted))
    socket.on('data', this.#onData)
    socket.on('drain', this.#onDrain)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('close', this.#onClose)
  }

  /** The response after which this connection closes must say so. */
  get closing(): boolean {
    return this.#edge.draining
  }

  get isGuarded(): boolean {
    return this.#dispatch.isGuarded
  }

  /** No request is being served, and no answer is on its way. */
  get idle(): boolean {
    return !this.#dispatch.busy && this.socket.writableLength === 0
  }

  // From the edge

  /** The server shuts down. What is open goes on; without a request there is a moment left for one. */
  drain(): void {
    if (this.#state === 'heads' && this.idle && !this.#heads.started) this.#deadline = this.#in(LAST_REQUEST_MS)
  }

  /** The time for what is open is over: end it, with as clear a word as there is still a way for. */
  evict(): void {
    if (this.#state === 'closing' || this.#state === 'breaking') return
    const gone = new TunnelError('TUN_ERR_DRAINING', 'the server is restarting')
    const { exchange } = this.#dispatch
    if (this.#state === 'raw' && exchange?.sayGoodbye()) this.#deadline = this.#in(LINGER_MS)
    else if (exchange !== undefined) this.#giveUp(gone.code, gone)
    else if (this.#dispatch.waiting) this.#dispatch.giveUp(gone)
    else this.#linger()
  }

  // From the socket

  readonly #onData = (chunk: Buffer) => {
    if (this.#state === 'raw') {
      if (!this.#dispatch.exchange!.fromVisitor(chunk)) this.socket.pause()
    } else if (this.#pipelined !== undefined) {
      this.#hold(Buffer.concat([this.#pipelined, chunk]))
    } else if (this.#state === 'heads') {
      if (this.#body === undefined) {
        this.#read(chunk)
        return
      }
      // In a body, 64 KiB may be ten thousand chunks.
      this.#turns ??= new ReadTurns(this.socket)
      this.#turns.begin(chunk.length)
      this.#read(chunk)
      this.#turns.end()
    }
  }

  readonly #onDrain = () => {
    this.outlet.drained()
    if (!this.#awaitsDrain || this.socket.writableNeedDrain) return
    this.#awaitsDrain = false
    this.#nextRequest()
  }

  readonly #onEnd = () => {
    if (this.#state === 'raw') {
      const exchange = this.#dispatch.exchange!
      whenEndIsClean(this.socket, () => {
        if (this.#dispatch.exchange === exchange) exchange.visitorEnded()
      })
      return
    }
    if (this.#state !== 'heads') return // closed or reset once what was written is out
    // A browser that leaves and one that only stops sending look alike. As nginx does, both count as leaving.
    this.#leave()
    this.socket.destroy()
  }

  readonly #onError = () => {} // 'close' follows

  readonly #onClose = (failed: boolean) => {
    // After an upgrade both sides may have ended in order while the last bytes are still on their way to the app.
    if (this.#state !== 'raw' || failed || !this.socket.readableEnded) this.#leave()
    else this.#dispatch.release()
    this.#edge.closed(this)
  }

  #leave(): void {
    this.#state = 'closing'
    this.#dispatch.release()?.abandon('TUN_ERR_VISITOR_GONE', 'the visitor closed the connection')
  }

  // Reading requests

  #read(chunk: Buffer): void {
    let offset = 0
    try {
      while (offset < chunk.length && this.#state === 'heads') {
        if (this.#body !== undefined) {
          offset = this.#body.feed(chunk, offset)
        } else if (this.#busy) {
          this.#hold(offset === 0 ? chunk : chunk.subarray(offset))
          return
        } else {
          const started = this.#heads.started
          const text = this.#heads.read(chunk, offset)
          if (text === undefined) {
            // Empty lines begin nothing, and put nothing off.
            if (!started && this.#heads.started) this.#deadline = this.#in(this.#limits.headTimeoutMs)
            return
          }
          offset = this.#heads.end
          this.#deadline = 0
          this.#begin(text, chunk, offset)
          if (!this.#busy && offset < chunk.length) {
            this.#readOnInATurn(chunk.subarray(offset))
            return
          }
        }
      }
    } catch (error) {
      this.#malformed(TunnelError.from(error))
    }
  }

  /** The next request has to wait: for this one, or for the visitor to read. */
  get #busy(): boolean {
    return this.#awaitsDrain || this.#dispatch.busy
  }

  /** The last request was refused. One read may hold a thousand such: everybody else has a turn between them. */
  #readOnInATurn(bytes: Buffer): void {
    if (this.#state !== 'heads') return
    this.#hold(bytes)
    this.socket.pause()
    setImmediate(() => {
      if (this.#state === 'heads') this.#nextRequest()
    })
  }

  #hold(bytes: Buffer): void {
    this.#dispatch.holds(bytes.length - this.heldBytes)
    this.#pipelined = bytes
    if (bytes.length > MAX_PIPELINED_BYTES) this.socket.pause()
  }

  /** The connection may not be ours any more after it. */
  #begin(text: string, chunk: Buffer, offset: number): void {
    this.#fresh = false
    const request = parseRequestHead(text, this.#limits)
    const route = routeHost(request.host, this.#edge.settings.domain)
    if (route.kind === 'server') {
      this.#giveAway(text, chunk.subarray(offset), undefined)
      return
    }
    this.#chunk = chunk
    this.#offset = offset
    this.#dispatch.begin(request, route.kind === 'tunnel' ? route.name : undefined)
    this.#chunk = undefined
  }

  onBody(part: Buffer): void {
    const { maxBodyBytes } = this.#limits
    this.#bodyBytes += part.length
    if (maxBodyBytes > 0 && this.#bodyBytes > maxBodyBytes) throw bodyTooLarge(maxBodyBytes)
    const { exchange } = this.#dispatch
    if (exchange !== undefined && !exchange.fromVisitor(part)) this.socket.pause()
  }

  onBodyEnd(trailers: string): void {
    this.#body = undefined
    this.#dispatch.exchange?.requestEnded(withoutForwarding(trailers))
  }

  #malformed(error: TunnelError): void {
    if (error.code === 'TUN_ERR_BODY_TOO_LARGE') this.#giveUp(error.code, error)
    else this.#giveUp('TUN_ERR_VISITOR_GONE', error)
  }

  /** End the current exchange, if there is one: toward the agent with `code`, toward the visitor as far as there is still a way. */
  #giveUp(code: ErrorCode, error: TunnelError): void {
    const exchange = this.#dispatch.release()
    exchange?.abandon(code, error.detail)
    if (exchange?.responseStarted) this.breakOff()
    else this.refuse(error, exchange?.request)
  }

  /** `head`: of the request that the server's own pages begin with, without its empty line. */
  #giveAway(head: string, rest: Buffer | undefined, door: Door | undefined): void {
    this.#dispatch.release()
    this.socket.removeListener('data', this.#onData)
    this.socket.removeListener('drain', this.#onDrain)
    this.socket.removeListener('end', this.#onEnd)
    this.socket.removeListener('error', this.#onError)
    this.socket.removeListener('close', this.#onClose)
    this.#state = 'closing'
    this.#edge.closed(this)
    const bytes = Buffer.from(`${head}\r\n`, 'latin1')
    this.#edge.settings.handOver(this.socket, rest === undefined ? bytes : Buffer.concat([bytes, rest]), door)
  }

  // From the dispatch and its exchange

  get heldBytes(): number {
    return this.#pipelined?.length ?? 0
  }

  sent(request: RequestHead): void {
    if (request.framing === 'none') return
    this.#bodyBytes = 0
    this.#body = new BodyReader(request.framing, request.contentLength, this, 'TUN_ERR_BAD_REQUEST')
  }

  waits(ms: number): void {
    this.#deadline = this.#in(ms)
  }

  goesOn(): void {
    this.#deadline = 0
    this.#readOn()
  }

  pause(): void {
    this.socket.pause()
  }

  handOver(request: RequestHead, door: Door): void {
    const { method, target, minor, forward } = request
    const rest = this.#chunk?.subarray(this.#offset) ?? this.#pipelined
    this.#giveAway(`${method} ${target} HTTP/1.${minor}\r\n${forward}`, rest, door)
  }

  /** The visitor's socket may be read again. */
  resume(): void {
    if (this.heldBytes <= MAX_PIPELINED_BYTES) this.socket.resume()
  }

  repeat(loss: Loss): boolean {
    return this.#dispatch.repeat(loss)
  }

  switchedToRaw(): void {
    this.#state = 'raw'
    const bytes = this.#pipelined
    this.#pipelined = undefined
    if (bytes !== undefined && !this.#dispatch.exchange!.fromVisitor(bytes)) return
    this.socket.resume()
  }

  /** Request and response are complete. */
  exchangeDone(close: boolean): void {
    this.#dispatch.release()
    if (close) this.#linger()
    // Whoever asks on and on and reads no answer gets no further ones to hold.
    else if (this.socket.writableNeedDrain) this.#awaitsDrain = true
    else this.#nextRequest()
  }

  #nextRequest(): void {
    this.#deadline = this.#edge.clock + (this.#edge.draining ? LAST_REQUEST_MS : this.#limits.keepAliveMs)
    this.#readOn()
  }

  /** Go on with what came behind the last head, and with the socket. */
  #readOn(): void {
    const bytes = this.#pipelined
    this.#pipelined = undefined
    if (bytes !== undefined) this.#read(bytes)
    this.resume()
  }

  /** The response is complete, the request will not be. */
  finishEarly(): void {
    this.#dispatch.release()
    this.#linger()
  }

  refuse(error: TunnelError, request: RequestHead | undefined): void {
    const accept = request === undefined ? '' : acceptOf(request)
    this.answer(errorPage(error, accept, this.#edge.settings.abuseContact), request)
  }

  /** The connection goes on if the request that is answered is known to be over. */
  answer({ status, headers, body }: Answer, request: RequestHead | undefined): void {
    this.#dispatch.release()
    const keep = request !== undefined && request.framing === 'none' && keepsAlive(request) && !this.closing
    const connection = keep ? (request.minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n'
    this.outlet.text(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${headers}${connection}\r\n`)
    if (request?.method !== 'HEAD') this.outlet.piece(body)
    this.outlet.send()
    if (keep) this.exchangeDone(false)
    else this.#linger()
  }

  /**
   * Bytes are missing and there is no other way left to say so: reset the connection, behind what was written. A reset, because an end
   * would look complete wherever the end of the connection is the end of the body.
   */
  breakOff(): void {
    this.#dispatch.release()
    this.#state = 'breaking'
    this.#body = undefined
    this.#pipelined = undefined
    this.#deadline = this.#in(LINGER_MS)
    this.outlet.flush()
    if (this.socket.writableLength === 0) this.socket.resetAndDestroy()
    else this.socket.write('', () => this.socket.resetAndDestroy())
  }

  /** Called about once a second: end what takes too long. */
  check(now: number): void {
    const { socket } = this
    const unread = socket.writableLength
    const moved = socket.bytesRead + socket.bytesWritten - unread
    if (moved !== this.#movedBytes) {
      this.#movedBytes = moved
      this.#movedAt = now
    }
    const silentMs = now - this.#movedAt
    const { visitorTimeoutMs, idleTimeoutMs } = this.#limits
    const visitorIsLate = visitorTimeoutMs > 0 && silentMs >= visitorTimeoutMs
    if (unread > 0) {
      const isLate = visitorIsLate || (idleTimeoutMs > 0 && silentMs >= idleTimeoutMs)
      if (isLate || (this.#state === 'breaking' && silentMs >= LINGER_MS)) this.#stopWaitingForReader()
      // The time for what comes next begins when the visitor has read what came before.
      else if (this.#deadline > 0) this.#deadline = Math.max(this.#deadline, now + LINGER_MS)
    } else if (this.#deadline > 0) {
      if (this.#deadline < now) this.#timeOut()
    } else if (this.#dispatch.exchange !== undefined) {
      if (visitorIsLate && this.#body !== undefined && !socket.isPaused()) {
        this.#giveUp(
          'TUN_ERR_VISITOR_GONE',
          new TunnelError('TUN_ERR_REQUEST_TIMEOUT', 'the request body did not arrive in time'),
        )
      } else if (idleTimeoutMs > 0 && silentMs >= idleTimeoutMs) {
        this.#giveUp(
          'TUN_ERR_ORIGIN_TIMEOUT',
          new TunnelError('TUN_ERR_ORIGIN_TIMEOUT', 'neither side has sent anything for too long'),
        )
      }
    }
  }

  #stopWaitingForReader(): void {
    this.#dispatch.release()?.abandon('TUN_ERR_VISITOR_GONE', 'the visitor reads nothing')
    this.#state = 'closing'
    this.socket.resetAndDestroy()
  }

  #timeOut(): void {
    if (this.#dispatch.waiting) this.#dispatch.timeOut()
    else if (this.#state === 'heads' && this.#edge.draining && !this.#heads.started) this.#linger()
    else if (this.#state === 'heads' && (this.#fresh || this.#heads.started)) {
      this.refuse(new TunnelError('TUN_ERR_REQUEST_TIMEOUT', 'the request head did not arrive in time'), undefined)
    } else {
      this.socket.destroy()
    }
  }

  /** Send what is written, then FIN, and read the rest away: closing with unread bytes would reset the connection under our answer. */
  #linger(): void {
    this.#state = 'closing'
    this.#body = undefined
    this.#pipelined = undefined
    this.#deadline = this.#in(LINGER_MS)
    this.socket.end()
    this.socket.resume()
  }

  /** A deadline so many milliseconds from now; none for 0. */
  #in(ms: number): number {
    return ms === 0 ? 0 : this.#edge.clock + ms
  }
}
