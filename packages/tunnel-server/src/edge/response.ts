import {
  type Outlet,
  type RequestHead,
  type ResponseHead,
  TunnelError,
  wantedUpgrade,
  writeLastChunk,
} from 'tunnel-protocol'

/**
 * One response on its way to the visitor: writes the head, and holds the body to what the head promised, so that
 * an agent can't send one visitor bytes that the next response on the connection would begin with.
 */
export class ResponseWriter {
  readonly head: ResponseHead
  /** The connection can't carry another response after this one. */
  readonly closes: boolean
  /** Body bytes passed on. */
  bytes = 0
  readonly #outlet: Outlet
  readonly #chunked: boolean
  #left: number

  constructor(outlet: Outlet, request: RequestHead, head: ResponseHead, closeWanted: boolean) {
    this.#outlet = outlet
    this.head = head
    // HTTP/1.0 knows no chunks: the end of the connection ends the body instead.
    const dechunked = head.framing === 'chunked' && request.minor === 0
    this.#chunked = head.framing === 'chunked' && !dechunked
    this.closes = closeWanted || head.framing === 'close' || dechunked || !keepsAlive(request)
    this.#left = head.framing === 'length' ? head.contentLength : head.framing === 'none' ? 0 : Number.POSITIVE_INFINITY
    const connection = this.closes ? 'Connection: close\r\n' : request.minor === 0 ? 'Connection: keep-alive\r\n' : ''
    const lines = dechunked ? head.forward.replace(/^transfer-encoding:.*\r\n/im, '') : head.forward
    outlet.text(`HTTP/1.1 ${head.status} ${head.reason}\r\n${lines}${wantedUpgrade(head)}${connection}\r\n`)
  }

  /** Throws TUN_ERR_PROTOCOL for bytes beyond what the head promised. */
  write(part: Buffer): void {
    this.#left -= part.length
    if (this.#left < 0) throw new TunnelError('TUN_ERR_PROTOCOL', 'the response body is longer than its head says')
    this.bytes += part.length
    this.#outlet.write(part, this.#chunked)
  }

  /** Throws TUN_ERR_PROTOCOL when bytes are missing. */
  checkComplete(): void {
    if (this.head.framing === 'length' && this.#left > 0) {
      throw new TunnelError('TUN_ERR_PROTOCOL', `the response body is ${this.#left} bytes short`)
    }
  }

  /** Call when the outlet is empty. */
  end(trailers: string): void {
    if (this.#chunked) writeLastChunk(this.#outlet, trailers)
    this.#outlet.send()
  }
}

/** May the connection carry another request after this one (RFC 9112 section 9.3)? */
export function keepsAlive(request: RequestHead): boolean {
  return !request.connectionClose && (request.minor === 1 || request.connectionKeepAlive)
}
