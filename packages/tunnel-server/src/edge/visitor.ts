import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import {
  BodyReader,
  type BodySink,
  type ErrorCode,
  HeadReader,
  type Logger,
  Outlet,
  type PeerFacts,
  type Provenance,
  parseRequestHead,
  provenance,
  ReadTurns,
  type RequestHead,
  TunnelError,
  whenEndIsClean,
  withoutForwarding,
} from 'tunnel-protocol'
import { addressGroup } from '../policy/address-group.js'
import { peerOf } from '../policy/peer.js'
import type { Directory } from '../registry/directory.js'
import { routeHost } from '../registry/route.js'
import type { Member, Tunnel } from '../registry/tunnel.js'
import type { Admission } from './admission.js'
import { errorPage } from './error-page.js'
import { Exchange, type VisitorSide } from './exchange.js'
import type { EdgeLimits } from './limits.js'
import type { ParkedRequest } from './parking.js'
import { isRepeatable, type Loss, MAX_TRIES } from './repeat.js'
import { keepsAlive } from './response.js'

/** What holds for all visitors' connections. */
export interface EdgeSettings {
  domain: string
  directory: Directory
  limits: EdgeLimits
  /** Where finished exchanges are logged, if anywhere. */
  accessLog: Logger | undefined
  /** The server's own pages and API take the connection, from the bytes given on. */
  handOver(socket: Socket, bytes: Buffer): void
}

/** What a visitor connection needs of the edge it came in through. */
export interface EdgeContext {
  readonly settings: EdgeSettings
  readonly admission: Admission
  /** Milliseconds since the epoch, a second old at most: good enough for deadlines, and free. */
  readonly clock: number
  /** The server is shutting down: no connection is kept. */
  readonly draining: boolean
  isTrusted(address: string): boolean
  closed(connection: VisitorConnection): void
}

/** Bytes of further requests held while one is being answered. */
const MAX_PIPELINED_BYTES = 64 * 1024
/** How long a connection that we close is read empty, so that the visitor can read our last answer. */
const LINGER_MS = 2_000

/** How long a connection without a request is kept once the server shuts down: a request may be on its way on it. */
const LAST_REQUEST_MS = 1_500

/** What a request that waits holds beside its text, in bytes; an estimate. */
const PARKED_BASE_BYTES = 1_024

/** The current request, and what it counts against. */
interface Admitted {
  request: RequestHead
  from: Provenance
  tunnel: Tunnel
  visitor: string
  /** How often it has been sent. */
  tries: number
}

/**
 * One visitor's connection: finds its requests, starts an exchange for each, one at a time and in order.
 * `heads`: looking for a request or inside one. `raw`: after a 101. `closing`: what comes is thrown away. `breaking`: the same, and the
 * connection is reset once what was written is out.
 */
export class VisitorConnection implements BodySink, VisitorSide, ParkedRequest {
  readonly socket: Socket
  readonly outlet: Outlet
  readonly #edge: EdgeContext
  readonly #limits: EdgeLimits
  readonly #peer: PeerFacts
  /** addressGroup of the peer, which is the visitor unless it is a trusted proxy. */
  readonly #peerGroup: string
  /** Where the last request came from. */
  #from: Provenance | undefined
  readonly #heads: HeadReader
  #state: 'heads' | 'raw' | 'closing' | 'breaking' = 'heads'
  /** No request has come yet. */
  #fresh = true
  #exchange: Exchange | undefined
  #admitted: Admitted | undefined
  /** Takes the request that waits for its tunnel on its way again. */
  #parked: (() => void) | undefined
  #body: BodyReader | undefined
  #bodyBytes = 0
  #turns: ReadTurns | undefined
  /** Bytes behind the current request. */
  #pipelined: Buffer | undefined
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
    this.#peer = peerOf(socket, edge.isTrusted)
    this.#peerGroup = addressGroup(this.#peer.address)
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

  /** No request is being served, and no answer is on its way. */
  get idle(): boolean {
    return this.#exchange === undefined && this.#parked === undefined && this.socket.writableLength === 0
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
    if (this.#state === 'raw' && this.#exchange?.sayGoodbye()) this.#deadline = this.#in(LINGER_MS)
    else if (this.#exchange !== undefined) this.#giveUp(gone.code, gone)
    else if (this.#parked !== undefined) this.refuse(gone, this.#admitted!.request)
    else this.#linger()
  }

  // From the socket

  readonly #onData = (chunk: Buffer) => {
    if (this.#state === 'raw') {
      if (!this.#exchange!.fromVisitor(chunk)) this.socket.pause()
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
      const exchange = this.#exchange!
      whenEndIsClean(this.socket, () => {
        if (this.#exchange === exchange) exchange.visitorEnded()
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
    else this.#release()
    this.#edge.closed(this)
  }

  #leave(): void {
    this.#state = 'closing'
    this.#release()?.abandon('TUN_ERR_VISITOR_GONE', 'the visitor closed the connection')
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
          if (!this.#begin(text, chunk, offset)) return
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
    return this.#exchange !== undefined || this.#parked !== undefined || this.#awaitsDrain
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
    if (this.#parked !== undefined)
      this.#edge.admission.parking.grow(this, bytes.length - (this.#pipelined?.length ?? 0))
    this.#pipelined = bytes
    if (bytes.length > MAX_PIPELINED_BYTES) this.socket.pause()
  }

  /** Returns false when the connection is no longer ours. */
  #begin(text: string, chunk: Buffer, offset: number): boolean {
    this.#fresh = false
    const request = parseRequestHead(text, this.#limits)
    const route = routeHost(request.host, this.#edge.settings.domain)
    if (route.kind === 'server') {
      this.#handOver(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), chunk.subarray(offset)]))
      return false
    }
    try {
      const tunnel = route.kind === 'tunnel' ? this.#edge.settings.directory.find(route.name) : undefined
      if (tunnel === undefined) {
        if (route.kind === 'tunnel') throw noTunnel(route.name)
        throw new TunnelError('TUN_ERR_NO_TUNNEL', `${shown(request.host!)} is not served here`)
      }
      const { maxBodyBytes } = this.#limits
      if (maxBodyBytes > 0 && request.contentLength > maxBodyBytes) throw bodyTooLarge(maxBodyBytes)
      this.#send(this.#admit(request, tunnel))
    } catch (error) {
      this.refuse(TunnelError.from(error), request)
    }
    return true
  }

  /** Throws where a limit is reached. */
  #admit(request: RequestHead, tunnel: Tunnel): Admitted {
    const from = this.#provenanceOf(request)
    const visitor = this.#peer.trusted ? addressGroup(from.visitor) : this.#peerGroup
    this.#edge.admission.enter(tunnel, visitor)
    this.#admitted = { request, from, tunnel, visitor, tries: 0 }
    return this.#admitted
  }

  /** Of a peer that is not believed only the host can change from request to request, and it hardly ever does. */
  #provenanceOf(request: RequestHead): Provenance {
    if (this.#peer.trusted) return provenance(request, this.#peer)
    if (this.#from?.host !== request.host) this.#from = provenance(request, this.#peer)
    return this.#from!
  }

  /** To an agent, or to wait for one. Throws what Session.openStream throws, and where the request can't wait. */
  #send(admitted: Admitted): void {
    const member = this.#edge.settings.directory.pick(admitted.tunnel)
    if (member === undefined) this.#park(admitted)
    else this.#open(admitted, member)
  }

  /** Throws what Session.openStream throws. */
  #open(admitted: Admitted, member: Member): void {
    const { request, from } = admitted
    admitted.tries++
    this.#exchange = new Exchange(this, request, member, from, this.#edge.settings.accessLog)
    if (request.framing === 'none') return
    this.#bodyBytes = 0
    this.#body = new BodyReader(request.framing, request.contentLength, this, 'TUN_ERR_BAD_REQUEST')
  }

  /** The agent has lost its link and may be back in a moment: until then the request waits here, where it costs little. */
  #park(admitted: Admitted): void {
    const { request, tunnel } = admitted
    const held = request.target.length + request.forward.length + (this.#pipelined?.length ?? 0)
    const { parking } = this.#edge.admission
    if (this.#limits.parkMs === 0 || !parking.enter(this, PARKED_BASE_BYTES + held)) throw offline(tunnel)
    this.#parked = () => {
      this.#unpark()
      this.#deadline = 0
      try {
        if (this.#edge.settings.directory.find(tunnel.name) !== tunnel) throw noTunnel(tunnel.name)
        this.#send(admitted)
      } catch (error) {
        this.refuse(TunnelError.from(error), request)
        return
      }
      if (this.#parked === undefined) this.#readOn()
    }
    tunnel.waiting.add(this.#parked)
    this.#deadline = this.#in(this.#limits.parkMs)
  }

  #unpark(): void {
    if (this.#parked === undefined) return
    this.#admitted!.tunnel.waiting.delete(this.#parked)
    this.#parked = undefined
    this.#edge.admission.parking.leave(this)
  }

  pause(): void {
    this.socket.pause()
  }

  /** The current exchange, if there is one, is no longer ours. */
  #release(): Exchange | undefined {
    const exchange = this.#exchange
    const admitted = this.#admitted
    this.#unpark()
    this.#exchange = undefined
    this.#admitted = undefined
    if (admitted !== undefined) this.#edge.admission.leave(admitted.tunnel, admitted.visitor)
    return exchange
  }

  onBody(part: Buffer): void {
    const { maxBodyBytes } = this.#limits
    this.#bodyBytes += part.length
    if (maxBodyBytes > 0 && this.#bodyBytes > maxBodyBytes) throw bodyTooLarge(maxBodyBytes)
    if (this.#exchange !== undefined && !this.#exchange.fromVisitor(part)) this.socket.pause()
  }

  onBodyEnd(trailers: string): void {
    this.#body = undefined
    this.#exchange?.requestEnded(withoutForwarding(trailers))
  }

  #malformed(error: TunnelError): void {
    if (error.code === 'TUN_ERR_BODY_TOO_LARGE') this.#giveUp(error.code, error)
    else this.#giveUp('TUN_ERR_VISITOR_GONE', error)
  }

  /** End the current exchange, if there is one: toward the agent with `code`, toward the visitor as far as there is still a way. */
  #giveUp(code: ErrorCode, error: TunnelError): void {
    const exchange = this.#release()
    exchange?.abandon(code, error.detail)
    if (exchange?.responseStarted) this.breakOff()
    else this.refuse(error, exchange?.request)
  }

  #handOver(bytes: Buffer): void {
    this.socket.removeListener('data', this.#onData)
    this.socket.removeListener('drain', this.#onDrain)
    this.socket.removeListener('end', this.#onEnd)
    this.socket.removeListener('error', this.#onError)
    this.socket.removeListener('close', this.#onClose)
    this.#state = 'closing'
    this.#edge.closed(this)
    this.#edge.settings.handOver(this.socket, bytes)
  }

  // From the exchange

  /** The visitor's socket may be read again. */
  resume(): void {
    if (this.#pipelined === undefined || this.#pipelined.length <= MAX_PIPELINED_BYTES) this.socket.resume()
  }

  repeat(loss: Loss): boolean {
    const admitted = this.#admitted!
    const { request, tunnel } = admitted
    if (admitted.tries >= MAX_TRIES || !isRepeatable(request, loss)) return false
    const { directory } = this.#edge.settings
    const wasSentBack = loss === 'appDown' || loss === 'draining'
    const next = wasSentBack ? directory.pickInstead(this.#exchange!.member) : directory.pick(tunnel)
    // With nobody else to send it to, it waits only for an agent that may be back, and only if it has no agent any more.
    const isExpected = loss === 'sessionOver' && !this.#edge.draining && directory.find(tunnel.name) === tunnel
    if (next === undefined && !isExpected) return false
    this.#exchange = undefined
    try {
      if (next === undefined) this.#park(admitted)
      else this.#open(admitted, next)
    } catch (error) {
      this.refuse(TunnelError.from(error), request)
    }
    return true
  }

  switchedToRaw(): void {
    this.#state = 'raw'
    const bytes = this.#pipelined
    this.#pipelined = undefined
    if (bytes !== undefined && !this.#exchange!.fromVisitor(bytes)) return
    this.socket.resume()
  }

  /** Request and response are complete. */
  exchangeDone(close: boolean): void {
    this.#release()
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
    this.#release()
    this.#linger()
  }

  /** Answer with an error page; the connection goes on if the request it answers is known to be over. */
  refuse(error: TunnelError, request: RequestHead | undefined): void {
    this.#release()
    const keep = request !== undefined && request.framing === 'none' && keepsAlive(request) && !this.closing
    const page = errorPage(error, request === undefined ? '' : acceptOf(request))
    const allow = error.code === 'TUN_ERR_METHOD' ? 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n' : ''
    const connection = keep ? (request.minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n'
    const head = `HTTP/1.1 ${page.status} ${STATUS_CODES[page.status] ?? 'Error'}\r\n${page.headers}${allow}${connection}\r\n`
    this.outlet.text(head)
    if (request?.method !== 'HEAD') this.outlet.piece(page.body)
    this.outlet.send()
    if (keep) this.exchangeDone(false)
    else this.#linger()
  }

  /**
   * Bytes are missing and there is no other way left to say so: reset the connection, behind what was written. A reset, because an end
   * would look complete wherever the end of the connection is the end of the body.
   */
  breakOff(): void {
    this.#release()
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
    } else if (this.#exchange !== undefined) {
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
    this.#release()?.abandon('TUN_ERR_VISITOR_GONE', 'the visitor reads nothing')
    this.#state = 'closing'
    this.socket.resetAndDestroy()
  }

  #timeOut(): void {
    if (this.#parked !== undefined) this.refuse(offline(this.#admitted!.tunnel), this.#admitted!.request)
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

function acceptOf(request: RequestHead): string {
  return /^accept:[ \t]*([^\r]*)\r\n/im.exec(request.forward)?.[1] ?? ''
}

/** As much of what a visitor made up as a person wants to read. */
function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function noTunnel(name: string): TunnelError {
  return new TunnelError('TUN_ERR_NO_TUNNEL', `there is no tunnel named "${shown(name)}" here`)
}

function offline(tunnel: Tunnel): TunnelError {
  return new TunnelError(
    'TUN_ERR_TUNNEL_OFFLINE',
    `the tunnel "${tunnel.name}" has lost its connection and is expected back`,
  )
}

function bodyTooLarge(maxBodyBytes: number): TunnelError {
  return new TunnelError('TUN_ERR_BODY_TOO_LARGE', `request bodies here have ${maxBodyBytes} bytes at most`)
}
