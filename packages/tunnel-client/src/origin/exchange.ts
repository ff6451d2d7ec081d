import {
  BodyReader,
  type BodySink,
  ByteQueue,
  checkTrailers,
  IDEMPOTENT_METHODS,
  type OpenRequest,
  parseResponseHead,
  type ResponseHead,
  type Stream,
  type StreamHandler,
  StreamKind,
  TunnelError,
  wantedUpgrade,
  whenEndIsClean,
  writeChunk,
  writeLastChunk,
} from 'tunnel-protocol'
import type { HostMapping } from './host-mapping.js'
import type { ConnectionUser, OriginConnection, OriginPool } from './pool.js'

/** What a person may want to know of an exchange. */
export interface ExchangeInfo {
  /** The same id as in the server's log. */
  id: string
  method: string
  /** Request target: path and query. */
  path: string
}

export interface ExchangeResult extends ExchangeInfo {
  /** 101 for an upgrade. Undefined when the exchange failed without an answer of the app; then `error` says why. */
  status: number | undefined
  error: TunnelError | undefined
  durationMs: number
}

export interface ExchangeObserver {
  onRequest(info: ExchangeInfo): void
  onResult(result: ExchangeResult): void
}

export interface ExchangeOptions {
  pool: OriginPool
  /** The origin sees another Host than the public one. */
  hostMapping: HostMapping | undefined
  /** Called at once and at the end; undefined where nobody looks, so that it costs nothing. */
  observer: ExchangeObserver | undefined
  /** For error messages: `localhost:8080`, `/run/app.sock`. */
  originName: string
}

/** Interim heads cost no credit: this is what all those of one response may have, in bytes. */
const MAX_INTERIM_BYTES = 1024 * 1024

const CHUNKED = /\r\ntransfer-encoding:/i
/** Once for a kept connection that was being closed, once for an app that was being ended. A request may be what ends it. */
const MAX_REPEATS = 2

/** One exchange on the agent's side: frames of a stream on one side, a connection to the origin on the other. */
export class OriginExchange implements StreamHandler, ConnectionUser, BodySink {
  readonly #stream: Stream
  readonly #options: ExchangeOptions
  readonly #sessionId: string
  readonly #method: string
  readonly #head: string
  readonly #startedAt: number
  readonly #chunked: boolean
  /** Such a request can be sent again as long as nothing of an answer has come. */
  readonly #repeatable: boolean
  readonly #mayUpgrade: boolean
  readonly #hasBody: boolean
  #connection: OriginConnection | undefined
  #stopDialing: (() => void) | undefined
  /** The request is to be written at the end of this turn, with what is there of its body by then. */
  #headDue = false
  /** Request body that came before it could be written. Bounded by the stream's window. */
  #early: ByteQueue | undefined
  /** All of the request has come. */
  #ended = false
  /** All of the request has been written, or the origin wants no more of it. */
  #requestDone = false
  #trailers = ''
  #response: ResponseHead | undefined
  #body: BodyReader | undefined
  #responseDone = false
  /** Any byte of an answer has come. */
  #answered = false
  #repeats = 0
  #raw = false
  #interimBytes = 0
  #reported = false

  constructor(stream: Stream, sessionId: string, open: OpenRequest, options: ExchangeOptions) {
    const { head, bodyless } = open
    this.#stream = stream
    this.#options = options
    this.#chunked = !bodyless && CHUNKED.test(head)
    this.#sessionId = sessionId
    this.#method = head.startsWith('GET ') ? 'GET' : head.slice(0, head.indexOf(' '))
    this.#repeatable = bodyless && IDEMPOTENT_METHODS.has(this.#method)
    const { hostMapping, observer } = options
    this.#head = hostMapping === undefined ? head : hostMapping.requestHead(head)
    this.#startedAt = observer === undefined ? 0 : performance.now()
    observer?.onRequest(this.#info())
    // What would have to be repeated on a dead connection must not meet one: an upgrade gets a connection of its own.
    this.#mayUpgrade = open.kind === StreamKind.Upgrade
    this.#hasBody = !bodyless && !this.#mayUpgrade
    this.#start(!this.#mayUpgrade)
  }

  /** `broken`: as in PatientDialer. */
  #start(mayReuse: boolean, broken?: TunnelError): void {
    const idle = mayReuse ? this.#options.pool.takeIdle() : undefined
    if (idle !== undefined) {
      this.#use(idle)
      return
    }
    this.#stopDialing = this.#options.pool.open(
      (connection) => {
        this.#stopDialing = undefined
        this.#use(connection)
      },
      (error) => {
        this.#stopDialing = undefined
        this.#fail(error)
      },
      broken,
    )
  }

  #use(connection: OriginConnection): void {
    this.#connection = connection
    connection.user = this
    connection.outlet.begin(this.#stream)
    if (this.#ended || !this.#hasBody) {
      this.#sendHead(connection)
      return
    }
    this.#headDue = true
    process.nextTick(() => {
      if (this.#headDue && this.#connection === connection) this.#sendHead(connection)
    })
  }

  /** With as much of the body as there is: nearly always all of it, and then one packet. */
  #sendHead(connection: OriginConnection): void {
    const { outlet, socket, reused } = connection
    this.#headDue = false
    outlet.text(`${this.#head}\r\n`)
    const parts: Buffer[] = []
    for (let part = this.#early?.shift(); part !== undefined; part = this.#early?.shift()) {
      parts.push(part)
      if (this.#chunked) writeChunk(outlet, part)
      else outlet.piece(part)
    }
    outlet.send()
    if (reused && socket.errored !== null) {
      // The origin closed it a moment ago, and the system took nothing of the request: whatever it is, nobody has seen it.
      this.#detach()
      for (const part of parts) this.#early?.push(part)
      this.#start(false)
      return
    }
    this.#early = undefined
    if (parts.length > 0) outlet.pay(parts.reduce((sum, { length }) => sum + length, 0))
    if (this.#ended) this.#endRequest()
  }

  // Stream → origin

  onHead(): void {}
  onInterim(): void {}

  onData(part: Buffer): void {
    const connection = this.#connection
    if (connection === undefined || this.#headDue) {
      // After the exchange is over there is nobody to give it to.
      if (connection === undefined && this.#stopDialing === undefined) return
      this.#early ??= new ByteQueue()
      this.#early.push(part)
      return
    }
    connection.outlet.write(part, this.#chunked && !this.#raw)
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
    this.#ended = true
    if (this.#connection !== undefined && !this.#headDue) this.#endRequest()
  }

  /** All of the request is here: end it behind what is still on its way to the origin. */
  #endRequest(): void {
    const { outlet } = this.#connection!
    if (outlet.empty) this.#writeEnd()
    else outlet.whenEmpty(() => this.#writeEnd())
  }

  #writeEnd(): void {
    if (this.#connection === undefined) return
    this.#requestDone = true
    const { outlet, socket } = this.#connection
    if (this.#chunked && !this.#raw) writeLastChunk(outlet, this.#trailers)
    outlet.send()
    if (this.#raw) socket.end()
    this.#finishIfDone()
  }

  onReset(error: TunnelError): void {
    this.#stopDialing?.()
    this.#stopDialing = undefined
    this.#report(this.#response?.status, error)
    const socket = this.#detach()?.socket
    if (socket === undefined) return
    // Raw bytes have no framing that tells a cut from an end: the app must not see FIN.
    if (this.#raw) socket.resetAndDestroy()
    else socket.destroy()
  }

  onDrain(): void {
    this.#connection?.socket.resume()
  }

  // Origin → stream

  onOriginData(chunk: Buffer): void {
    this.#answered = true
    try {
      this.#readFrom(chunk)
    } catch (error) {
      const { code, detail } = TunnelError.from(error)
      this.#fail(new TunnelError(code === 'TUN_ERR_INTERNAL' ? code : 'TUN_ERR_ORIGIN_RESET', detail, { cause: error }))
    }
  }

  #readFrom(chunk: Buffer): void {
    const connection = this.#connection!
    let offset = 0
    while (offset < chunk.length) {
      if (this.#connection === undefined) {
        this.#distrust(connection)
        return
      }
      if (this.#raw) {
        if (!this.#stream.write(offset === 0 ? chunk : chunk.subarray(offset))) connection.socket.pause()
        return
      }
      if (this.#body !== undefined) {
        offset = this.#body.feed(chunk, offset)
      } else if (this.#response === undefined) {
        const text = connection.heads.read(chunk, offset)
        if (text === undefined) return
        offset = connection.heads.end
        this.#onResponseHead(text)
      } else {
        this.#distrust(connection)
        return
      }
    }
  }

  /** There was more than the response said: whatever else comes on this connection can't be trusted. */
  #distrust(connection: OriginConnection): void {
    connection.socket.destroy()
  }

  #onResponseHead(text: string): void {
    const head = parseResponseHead(text, this.#method)
    const { hostMapping } = this.#options
    const own = `HTTP/1.1 ${head.status} ${head.reason}\r\n${head.forward}`
    const lines = hostMapping === undefined ? own : hostMapping.responseHead(own, this.#head)
    if (head.status === 101) {
      this.#startRaw(lines, head)
      return
    }
    if (head.status < 200) {
      this.#interimBytes += lines.length
      if (this.#interimBytes > MAX_INTERIM_BYTES) {
        throw new TunnelError('TUN_ERR_ORIGIN_RESET', 'the app sends interim responses without end')
      }
      this.#stream.sendInterim(lines)
      return
    }
    this.#response = head
    // An upgrade that is refused has no body to wait for.
    if (this.#mayUpgrade) this.#requestDone = true
    // An origin that closes before it has read the request wants no more of it: the visitor has to hear that.
    const close = !this.#requestDone && this.#closesAfter(head) ? 'Connection: close\r\n' : ''
    this.#stream.sendHead(lines + wantedUpgrade(head) + close, head.framing === 'none')
    if (head.framing === 'none') this.#endResponse()
    else this.#body = new BodyReader(head.framing, head.contentLength, this, 'TUN_ERR_ORIGIN_RESET')
  }

  #startRaw(lines: string, head: ResponseHead): void {
    if (!this.#mayUpgrade)
      throw new TunnelError('TUN_ERR_ORIGIN_RESET', 'the app switched protocols without having been asked')
    if (head.upgrade === undefined)
      throw new TunnelError('TUN_ERR_ORIGIN_RESET', 'the app switched protocols without saying to which')
    this.#response = head
    this.#raw = true
    this.#stream.sendHead(`${lines}Connection: Upgrade\r\nUpgrade: ${head.upgrade}\r\n`, false)
    this.#report(101, undefined)
  }

  onBody(part: Buffer): void {
    if (!this.#stream.write(part)) this.#connection?.socket.pause()
  }

  onBodyEnd(trailers: string): void {
    this.#body = undefined
    this.#stream.end(trailers)
    this.#endResponse()
  }

  #endResponse(): void {
    this.#responseDone = true
    this.#report(this.#response!.status, undefined)
    if (!this.#requestDone && this.#closesAfter(this.#response!)) this.#dropRestOfRequest()
    this.#finishIfDone()
  }

  onOriginEnd(): void {
    const connection = this.#connection
    if (connection === undefined) return
    if (!this.#raw && (this.#body === undefined || this.#response?.framing !== 'close')) {
      connection.socket.destroy()
      return
    }
    whenEndIsClean(connection.socket, () => {
      if (this.#connection === connection) this.#endAtClose()
    })
  }

  /** The end of the connection, not its framing, ends what the origin says. */
  #endAtClose(): void {
    if (this.#raw) this.#stream.end()
    else this.onBodyEnd('')
  }

  onOriginClose(error: Error | undefined): void {
    const connection = this.#connection
    this.#connection = undefined
    if (this.#stream.closed) return
    if (this.#headDue) {
      // Nothing was written to it.
      this.#headDue = false
      this.#start(false)
      return
    }
    if (this.#raw) {
      if (error !== undefined || !connection?.socket.readableEnded) {
        this.#stream.reset('TUN_ERR_ORIGIN_RESET', `${this.#options.originName} broke the connection off`)
      }
      return
    }
    if (this.#responseDone) {
      if (!this.#requestDone) this.#dropRestOfRequest()
      return
    }
    const when = this.#response === undefined ? 'before it had answered' : 'in the middle of its answer'
    const reason = (error as NodeJS.ErrnoException | undefined)?.code
    const broken = new TunnelError(
      'TUN_ERR_ORIGIN_RESET',
      `${this.#options.originName} closed the connection ${when}${reason === undefined ? '' : ` (${reason})`}`,
    )
    if (this.#answered || !this.#repeatable || this.#repeats >= MAX_REPEATS) {
      this.#fail(broken)
      return
    }
    this.#repeats++
    // A kept connection may have been closed while our request was on its way; a new one is not, unless the app is being ended.
    this.#start(false, connection?.reused === true ? undefined : broken)
  }

  /** The answer is complete and the origin reads no further. */
  #dropRestOfRequest(): void {
    this.#requestDone = true
    this.#early = undefined
    this.#stream.stopReceiving('TUN_ERR_NO_BODY_NEEDED', 'the app has answered and wants no more')
    this.#finishIfDone()
  }

  #finishIfDone(): void {
    if (!this.#responseDone || !this.#requestDone) return
    const connection = this.#detach()
    if (connection === undefined) return
    if (this.#closesAfter(this.#response!)) connection.socket.destroy()
    else this.#options.pool.release(connection, this.#response!.keepAliveTimeout)
  }

  #closesAfter(head: ResponseHead): boolean {
    return head.connectionClose || head.framing === 'close' || (head.minor === 0 && !head.connectionKeepAlive)
  }

  #fail(error: TunnelError): void {
    this.#report(this.#response?.status, error)
    this.#stream.reset(error.code, error.detail)
    this.#detach()?.socket.destroy()
  }

  /** Let go of the connection: what it says from now on is none of ours. */
  #detach(): OriginConnection | undefined {
    const connection = this.#connection
    this.#connection = undefined
    this.#headDue = false
    if (connection !== undefined) connection.user = undefined
    return connection
  }

  #info(): ExchangeInfo {
    const [, path] = this.#head.split(' ', 2)
    return { id: `${this.#sessionId}-${this.#stream.id}`, method: this.#method, path: path! }
  }

  #report(status: number | undefined, error: TunnelError | undefined): void {
    if (this.#reported) return
    this.#reported = true
    this.#options.observer?.onResult({
      ...this.#info(),
      status,
      error,
      durationMs: performance.now() - this.#startedAt,
    })
  }
}
