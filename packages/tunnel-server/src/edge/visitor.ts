import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import {
  BodyReader,
  type BodySink,
  HeadReader,
  type Logger,
  type PeerFacts,
  parseRequestHead,
  type RequestHead,
  TunnelError,
  whenEndIsClean,
} from 'tunnel-protocol'
import { routeHost } from '../registry/route.js'
import type { TunnelRegistry } from '../registry/tunnels.js'
import { errorPage } from './error-page.js'
import { Exchange, type VisitorSide } from './exchange.js'
import { keepsAlive } from './response.js'

/** What holds for all visitors' connections. */
export interface EdgeSettings {
  domain: string
  registry: TunnelRegistry
  headTimeoutMs: number
  keepAliveMs: number
  maxHeaderBytes: number
  /** Where finished exchanges are logged, if anywhere. */
  accessLog: Logger | undefined
  /** The server's own pages and API take the connection, from the bytes given on. */
  handOver(socket: Socket, bytes: Buffer): void
}

/** What a visitor connection needs of the edge it came in through. */
export interface EdgeContext {
  readonly settings: EdgeSettings
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

/**
 * One visitor's connection: finds its requests, starts an exchange for each, one at a time and in order.
 * `heads`: looking for a request or inside one. `raw`: after a 101. `closing`: what comes is thrown away.
 */
export class VisitorConnection implements BodySink, VisitorSide {
  readonly socket: Socket
  /** When the sweep ends this connection, in EdgeContext.clock time; 0 for never. */
  deadline: number
  readonly #edge: EdgeContext
  readonly #peer: PeerFacts
  readonly #heads: HeadReader
  #state: 'heads' | 'raw' | 'closing' = 'heads'
  #exchange: Exchange | undefined
  #body: BodyReader | undefined
  /** Bytes behind the current request. */
  #pipelined: Buffer | undefined

  constructor(socket: Socket, edge: EdgeContext) {
    this.socket = socket
    this.#edge = edge
    this.#heads = new HeadReader(edge.settings.maxHeaderBytes)
    this.deadline = edge.clock + edge.settings.headTimeoutMs
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    this.#peer = { address, proto: 'http', port: socket.localPort ?? 0, trusted: edge.isTrusted(address) }
    socket.setNoDelay(true)
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

  /** No request is being served. */
  get idle(): boolean {
    return this.#exchange === undefined
  }

  // From the socket

  readonly #onData = (chunk: Buffer) => {
    if (this.#state === 'closing') return
    if (this.#state === 'raw') {
      if (!this.#exchange!.fromVisitor(chunk)) this.socket.pause()
    } else if (this.#pipelined !== undefined) {
      this.#hold(Buffer.concat([this.#pipelined, chunk]))
    } else {
      this.#read(chunk)
    }
  }

  readonly #onDrain = () => this.#exchange?.visitorDrained()

  readonly #onEnd = () => {
    if (this.#state === 'raw') {
      const exchange = this.#exchange!
      whenEndIsClean(this.socket, () => {
        if (this.#exchange === exchange) exchange.visitorEnded()
      })
      return
    }
    // A browser that leaves and one that only stops sending look alike. As nginx does, both count as leaving.
    this.#leave()
    this.socket.destroy()
  }

  readonly #onError = () => {} // 'close' follows

  readonly #onClose = (failed: boolean) => {
    // After an upgrade both sides may have ended in order while the last bytes are still on their way to the app.
    if (this.#state !== 'raw' || failed || !this.socket.readableEnded) this.#leave()
    this.#edge.closed(this)
  }

  #leave(): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    this.#state = 'closing'
    exchange?.visitorGone('the visitor closed the connection')
  }

  // Reading requests

  #read(chunk: Buffer): void {
    let offset = 0
    try {
      while (offset < chunk.length && this.#state === 'heads') {
        if (this.#body !== undefined) {
          offset = this.#body.feed(chunk, offset)
        } else if (this.#exchange !== undefined) {
          this.#hold(offset === 0 ? chunk : chunk.subarray(offset))
          return
        } else {
          const started = this.#heads.started
          const text = this.#heads.read(chunk, offset)
          if (text === undefined) {
            if (!started) this.deadline = this.#edge.clock + this.#edge.settings.headTimeoutMs
            return
          }
          offset = this.#heads.end
          this.deadline = 0
          if (!this.#begin(text, chunk, offset)) return
        }
      }
    } catch (error) {
      this.#malformed(TunnelError.from(error))
    }
  }

  #hold(bytes: Buffer): void {
    this.#pipelined = bytes
    if (bytes.length > MAX_PIPELINED_BYTES) this.socket.pause()
  }

  /** Returns false when the connection is no longer ours. */
  #begin(text: string, chunk: Buffer, offset: number): boolean {
    const request = parseRequestHead(text)
    const route = routeHost(request.host, this.#edge.settings.domain)
    if (route.kind === 'server') {
      this.#handOver(Buffer.concat([Buffer.from(`${text}\r\n`, 'latin1'), chunk.subarray(offset)]))
      return false
    }
    try {
      const tunnel = route.kind === 'tunnel' ? this.#edge.settings.registry.find(route.name) : undefined
      if (tunnel === undefined) {
        const what =
          route.kind === 'tunnel'
            ? `there is no tunnel named "${route.name}" here`
            : `${request.host} is not served here`
        throw new TunnelError('TUN_ERR_NO_TUNNEL', what)
      }
      if (tunnel.holder === undefined) {
        throw new TunnelError(
          'TUN_ERR_TUNNEL_OFFLINE',
          `the tunnel "${tunnel.name}" has lost its connection and is expected back`,
        )
      }
      this.#exchange = new Exchange(this, request, tunnel, this.#peer, this.#edge.settings.accessLog)
    } catch (error) {
      this.refuse(TunnelError.from(error), request)
      return true
    }
    if (request.framing !== 'none') {
      this.#body = new BodyReader(request.framing, request.contentLength, this, 'TUN_ERR_BAD_REQUEST')
    }
    return true
  }

  onBody(part: Buffer): void {
    if (this.#exchange !== undefined && !this.#exchange.fromVisitor(part)) this.socket.pause()
  }

  onBodyEnd(trailers: string): void {
    this.#body = undefined
    this.#exchange?.requestEnded(trailers)
  }

  #malformed(error: TunnelError): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    if (exchange === undefined) {
      this.refuse(error, undefined)
      return
    }
    exchange.visitorGone('the visitor sent a malformed body')
    if (exchange.responseStarted) this.breakOff()
    else this.refuse(error, exchange.request)
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

  switchedToRaw(): void {
    this.#state = 'raw'
    const bytes = this.#pipelined
    this.#pipelined = undefined
    if (bytes !== undefined && !this.#exchange!.fromVisitor(bytes)) return
    this.socket.resume()
  }

  /** Request and response are complete. */
  exchangeDone(close: boolean): void {
    this.#exchange = undefined
    if (close) {
      this.#linger()
      return
    }
    this.deadline = this.#edge.clock + this.#edge.settings.keepAliveMs
    const bytes = this.#pipelined
    this.#pipelined = undefined
    if (bytes !== undefined) this.#read(bytes)
    this.resume()
  }

  /** The response is complete, the request will not be. */
  finishEarly(): void {
    this.#exchange = undefined
    this.#linger()
  }

  /** Answer with an error page; the connection goes on if the request it answers is known to be over. */
  refuse(error: TunnelError, request: RequestHead | undefined): void {
    this.#exchange = undefined
    const keep = request !== undefined && request.framing === 'none' && keepsAlive(request) && !this.closing
    const page = errorPage(error, request === undefined ? '' : acceptOf(request))
    const allow = error.code === 'TUN_ERR_METHOD' ? 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n' : ''
    const connection = keep ? (request.minor === 0 ? 'Connection: keep-alive\r\n' : '') : 'Connection: close\r\n'
    const head = `HTTP/1.1 ${page.status} ${STATUS_CODES[page.status] ?? 'Error'}\r\n${page.headers}${allow}${connection}\r\n`
    this.socket.write(head, 'latin1')
    if (request?.method !== 'HEAD') this.socket.write(page.body)
    if (keep) this.exchangeDone(false)
    else this.#linger()
  }

  /** Bytes are missing and there is no other way left to say so: reset the connection. */
  breakOff(): void {
    this.#exchange = undefined
    this.#state = 'closing'
    this.socket.resetAndDestroy()
  }

  /** The deadline has passed. */
  timeOut(): void {
    if (this.#state === 'heads' && this.#heads.started) {
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
    this.deadline = this.#edge.clock + LINGER_MS
    this.socket.end()
    this.socket.resume()
  }
}

function acceptOf(request: RequestHead): string {
  return /^accept:[ \t]*([^\r]*)\r\n/im.exec(request.forward)?.[1] ?? ''
}
