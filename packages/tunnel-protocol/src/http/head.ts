import { type ErrorCode, TunnelError } from '../errors.js'
import { DIGITS, HEADER_LINES, trimOws } from './syntax.js'

/** How the end of a body is found (RFC 9112 section 6.3). */
export type Framing = 'none' | 'length' | 'chunked' | 'close'

/** What both kinds of head have in common. */
interface Fields {
  framing: Framing
  /** Content-Length, whether or not a body follows; -1 where there is none. */
  contentLength: number
  /** `Connection` named `close` or `keep-alive`. */
  connectionClose: boolean
  connectionKeepAlive: boolean
  /** `Connection` named `upgrade`, and this is the value of `Upgrade`. */
  upgrade: string | undefined
  /** The header lines to pass on, in order and as they came, without hop-by-hop fields. Each ends in CRLF. */
  forward: string
}

export interface RequestHead extends Fields {
  method: string
  /** Request target as sent, absolute-form made origin-form. */
  target: string
  minor: 0 | 1
  /** Value of Host, as sent. */
  host: string | undefined
  /** `X-Forwarded-For`, `-Proto`, `-Host`, `-Port`, as sent by the peer; not part of `forward`. */
  forwardedFor: string | undefined
  forwardedProto: string | undefined
  forwardedHost: string | undefined
  forwardedPort: string | undefined
  /** Value of `Forwarded` (RFC 7239), as sent by the peer; not part of `forward`. */
  forwarded: string | undefined
}

export interface ResponseHead extends Fields {
  status: number
  minor: 0 | 1
  /** Reason phrase as sent, may be empty. */
  reason: string
  /** `timeout` of a Keep-Alive field in seconds, -1 where there is none. */
  keepAliveTimeout: number
}

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP\/([0-9])\.([0-9])$/
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/
const HOST_VALUE = /^(?:[A-Za-z0-9\-._~%!$&'()*+,;=]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?$/

const LINE_END = '\r\n'

/** What a request head may have; a head over its limit in bytes never gets as far as here. */
export interface RequestHeadLimits {
  /** Header lines; beyond: TUN_ERR_HEAD_TOO_LARGE. */
  maxFields: number
  /** Bytes of the request target as sent; beyond: TUN_ERR_URI_TOO_LONG. */
  maxTargetBytes: number
}

const NO_LIMITS: RequestHeadLimits = { maxFields: Number.POSITIVE_INFINITY, maxTargetBytes: Number.POSITIVE_INFINITY }

/** Fields collected while walking the lines, before the rules are applied. */
interface Walk {
  /** Lines seen. */
  count: number
  host: string | undefined
  hosts: number
  contentLength: string | undefined
  contentLengths: number
  transferEncoding: string | undefined
  connection: string | undefined
  upgrade: string | undefined
  keepAlive: string | undefined
  te: string | undefined
  forwardedFor: string | undefined
  forwardedProto: string | undefined
  forwardedHost: string | undefined
  forwardedPort: string | undefined
  forwarded: string | undefined
  /** Start and end offsets of the lines left out so far, in pairs. */
  dropped: number[] | undefined
}

/**
 * Parse a request head: everything up to and including the CRLF of its last line, without the empty line.
 * Strict on purpose: what two parsers could read in two ways is refused (RFC 9112 section 11.2).
 * Throws TunnelError with TUN_ERR_BAD_REQUEST, _METHOD, _NOT_IMPLEMENTED, _HTTP_VERSION, _URI_TOO_LONG or _HEAD_TOO_LARGE.
 */
export function parseRequestHead(text: string, limits: RequestHeadLimits = NO_LIMITS): RequestHead {
  const lineEnd = text.indexOf(LINE_END)
  const line = REQUEST_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd))
  if (line === null) throw bad('the request line is malformed')
  // Before anything else is found wrong with it: the answer must not depend on how the bytes came, and HeadReader refuses some of this.
  const start = lineEnd + 2
  checkLines(text, start, 'TUN_ERR_BAD_REQUEST')
  if (line[3] !== '1' || (line[4] !== '0' && line[4] !== '1')) {
    throw new TunnelError('TUN_ERR_HTTP_VERSION', `HTTP/${line[3]}.${line[4]} is not served here`)
  }
  const minor = line[4] === '1' ? 1 : 0
  const method = line[1]!
  if (method === 'CONNECT' || method === 'TRACE') throw new TunnelError('TUN_ERR_METHOD', `${method} is not carried`)
  if (line[2]!.length > limits.maxTargetBytes) {
    throw new TunnelError('TUN_ERR_URI_TOO_LONG', `the request target is over ${limits.maxTargetBytes} bytes`)
  }

  const walk = walkLines(text, start, true)
  if (walk.count > limits.maxFields) {
    throw new TunnelError('TUN_ERR_HEAD_TOO_LARGE', `there are more than ${limits.maxFields} header lines`)
  }
  if (walk.hosts > 1) throw bad('there is more than one Host header')
  if (walk.hosts === 0 && minor === 1) throw bad('the Host header is missing')
  if (walk.host !== undefined && !HOST_VALUE.test(walk.host)) throw bad('the Host header is malformed')
  const contentLength = readContentLength(walk, 'TUN_ERR_BAD_REQUEST')
  const chunked = readTransferEncoding(walk, minor, contentLength, 'TUN_ERR_BAD_REQUEST')

  let target = line[2]!
  if (target.charCodeAt(0) !== 47 && !(target === '*' && method === 'OPTIONS')) {
    target = originForm(method, target, walk.host)
  }
  const connection = readConnection(walk)
  const framing: Framing = chunked ? 'chunked' : contentLength > 0 ? 'length' : 'none'
  // An upgrade with a body is served as a plain request: RFC 9110 section 7.8 lets a server ignore Upgrade.
  const upgrade = framing === 'none' && minor === 1 && connection.upgrade ? walk.upgrade : undefined
  return {
    method,
    target,
    minor,
    host: walk.host,
    framing,
    contentLength,
    connectionClose: connection.close,
    connectionKeepAlive: connection.keepAlive,
    upgrade,
    forward: forwardedLines(text, start, walk, connection.named),
    forwardedFor: walk.forwardedFor,
    forwardedProto: walk.forwardedProto,
    forwardedHost: walk.forwardedHost,
    forwardedPort: walk.forwardedPort,
    forwarded: walk.forwarded,
  }
}

/**
 * Parse a response head, interim or final, as parseRequestHead does. `method` is that of the request: it decides
 * whether a body follows. Throws TunnelError with TUN_ERR_ORIGIN_RESET.
 */
export function parseResponseHead(text: string, method: string): ResponseHead {
  const lineEnd = text.indexOf(LINE_END)
  const line = STATUS_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd))
  if (line === null) throw broken('the status line is malformed')
  const minor = line[1] === '1' ? 1 : 0
  const status = Number(line[2])

  const start = lineEnd + 2
  checkLines(text, start, 'TUN_ERR_ORIGIN_RESET')
  const walk = walkLines(text, start, false)
  const contentLength = readContentLength(walk, 'TUN_ERR_ORIGIN_RESET')
  const chunked = readTransferEncoding(walk, minor, contentLength, 'TUN_ERR_ORIGIN_RESET')
  const connection = readConnection(walk)
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304
  const framing: Framing = bodyless
    ? 'none'
    : chunked
      ? 'chunked'
      : contentLength > 0
        ? 'length'
        : contentLength === 0
          ? 'none'
          : 'close'
  return {
    status,
    minor,
    reason: line[3] ?? '',
    framing,
    contentLength,
    connectionClose: connection.close,
    connectionKeepAlive: connection.keepAlive,
    upgrade: connection.upgrade ? walk.upgrade : undefined,
    keepAliveTimeout: readKeepAlive(walk.keepAlive),
    forward: forwardedLines(text, start, walk, connection.named),
  }
}

/** The lines by which a 426 says what it wants: it has to (RFC 9110 section 15.5.22), so these two are passed on. */
export function wantedUpgrade({ status, upgrade }: ResponseHead): string {
  return status === 426 && upgrade !== undefined ? `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n` : ''
}

function bad(detail: string): TunnelError {
  return new TunnelError('TUN_ERR_BAD_REQUEST', detail)
}

function broken(detail: string): TunnelError {
  return new TunnelError('TUN_ERR_ORIGIN_RESET', `the app's answer is not HTTP: ${detail}`)
}

function checkLines(text: string, start: number, code: ErrorCode): void {
  if (HEADER_LINES.test(text.slice(start))) return
  throw code === 'TUN_ERR_BAD_REQUEST' ? bad('a header line is malformed') : broken('a header line is malformed')
}

/** Look at each line once. Names are compared only where their length fits one of the names that matter. */
function walkLines(text: string, start: number, request: boolean): Walk {
  const walk: Walk = {
    count: 0,
    host: undefined,
    hosts: 0,
    contentLength: undefined,
    contentLengths: 0,
    transferEncoding: undefined,
    connection: undefined,
    upgrade: undefined,
    keepAlive: undefined,
    te: undefined,
    forwardedFor: undefined,
    forwardedProto: undefined,
    forwardedHost: undefined,
    forwardedPort: undefined,
    forwarded: undefined,
    dropped: undefined,
  }
  let from = start
  while (from < text.length) {
    const colon = text.indexOf(':', from)
    const end = text.indexOf(LINE_END, colon)
    if (interesting[colon - from] === true) {
      const name = text.slice(from, colon).toLowerCase()
      const keep = note(walk, name, text, colon + 1, end, request)
      if (!keep) {
        walk.dropped ??= []
        walk.dropped.push(from, end + 2)
      }
    }
    walk.count++
    from = end + 2
  }
  return walk
}

const interesting: boolean[] = []
for (const name of [
  'te',
  'host',
  'upgrade',
  'forwarded',
  'connection',
  'keep-alive',
  'content-length',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'proxy-connection',
  'transfer-encoding',
]) {
  interesting[name.length] = true
}

/** Note a field that matters. Returns whether its line is passed on. */
function note(walk: Walk, name: string, text: string, from: number, to: number, request: boolean): boolean {
  switch (name) {
    case 'host':
      walk.hosts++
      walk.host = trimOws(text, from, to)
      return true
    case 'content-length':
      walk.contentLengths++
      walk.contentLength = framingValue(text, from, to)
      return true
    case 'transfer-encoding':
      walk.transferEncoding = list(walk.transferEncoding, framingValue(text, from, to))
      return true
    case 'connection':
      walk.connection = list(walk.connection, trimOws(text, from, to))
      return false
    case 'upgrade':
      walk.upgrade = list(walk.upgrade, trimOws(text, from, to))
      return false
    case 'keep-alive':
      walk.keepAlive = trimOws(text, from, to)
      return false
    case 'proxy-connection':
      return false
    case 'te':
      // Only "trailers" means anything beyond this hop (RFC 9110 section 10.1.4).
      return !request || trimOws(text, from, to).toLowerCase() === 'trailers'
    case 'forwarded':
      walk.forwarded = list(walk.forwarded, trimOws(text, from, to))
      return !request
    case 'x-forwarded-for':
      walk.forwardedFor = list(walk.forwardedFor, trimOws(text, from, to))
      return !request
    case 'x-forwarded-host':
      walk.forwardedHost = trimOws(text, from, to)
      return !request
    case 'x-forwarded-port':
      walk.forwardedPort = trimOws(text, from, to)
      return !request
    case 'x-forwarded-proto':
      walk.forwardedProto = trimOws(text, from, to)
      return !request
    default:
      return !request || !LIKE_FORWARDED.test(name)
  }
}

/** CGI, WSGI and their like take `_` for `-`: an app there could not tell what the visitor says from what the edge says. */
const LIKE_FORWARDED = /^x[-_]forwarded[-_](?:for|host|port|proto)$/

/** A value that says where the message ends. A tab behind it makes it malformed: there are parsers that take it, and ones that do not. */
function framingValue(text: string, from: number, to: number): string {
  while (to > from && text.charCodeAt(to - 1) === 32) to--
  return to > from && text.charCodeAt(to - 1) === 9 ? text.slice(from, to) : trimOws(text, from, to)
}

function list(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}

function readContentLength(walk: Walk, code: ErrorCode): number {
  if (walk.contentLengths === 0) return -1
  const value = walk.contentLength!
  const length = Number(value)
  if (walk.contentLengths === 1 && DIGITS.test(value) && Number.isSafeInteger(length)) return length
  const detail = walk.contentLengths > 1 ? 'there is more than one Content-Length' : 'Content-Length is not a number'
  throw code === 'TUN_ERR_BAD_REQUEST' ? bad(detail) : broken(detail)
}

/** Returns whether the body is chunked. Any other coding, and anything that could be read in two ways, is refused. */
function readTransferEncoding(walk: Walk, minor: number, contentLength: number, code: ErrorCode): boolean {
  const value = walk.transferEncoding
  if (value === undefined) return false
  const refuse = code === 'TUN_ERR_BAD_REQUEST' ? bad : broken
  if (contentLength >= 0) throw refuse('both Transfer-Encoding and Content-Length are present')
  if (minor === 0) throw refuse('Transfer-Encoding is not part of HTTP/1.0')
  if (value.toLowerCase() === 'chunked') return true
  if (code === 'TUN_ERR_BAD_REQUEST' && /^[A-Za-z, \t]*chunked$/i.test(value) && !/chunked.*chunked/i.test(value)) {
    throw new TunnelError('TUN_ERR_NOT_IMPLEMENTED', 'no transfer coding but chunked is served')
  }
  throw refuse('Transfer-Encoding is malformed')
}

function readConnection(walk: Walk): {
  close: boolean
  keepAlive: boolean
  upgrade: boolean
  named: Set<string> | undefined
} {
  const result = { close: false, keepAlive: false, upgrade: false, named: undefined as Set<string> | undefined }
  if (walk.connection === undefined) return result
  for (const option of walk.connection.split(',')) {
    const name = trimOws(option, 0, option.length).toLowerCase()
    if (name === 'close') result.close = true
    else if (name === 'keep-alive') result.keepAlive = true
    else if (name === 'upgrade') result.upgrade = walk.upgrade !== undefined
    else if (name !== '' && !neverHopByHop.has(name)) {
      result.named ??= new Set()
      result.named.add(name)
    }
  }
  return result
}

/** Naming these in Connection must not make them disappear on the way: both ends rely on them. */
const neverHopByHop = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'trailer',
  'te',
  'cookie',
  'authorization',
])

function readKeepAlive(value: string | undefined): number {
  if (value === undefined) return -1
  const match = /(?:^|[,\s])timeout=([0-9]{1,6})/i.exec(value)
  return match === null ? -1 : Number(match[1])
}

/** The header lines without the dropped ones and without those that Connection named. */
function forwardedLines(text: string, start: number, walk: Walk, named: Set<string> | undefined): string {
  if (named !== undefined) return withoutNamed(text, start, walk, named)
  if (walk.dropped === undefined) return text.slice(start)
  let kept = ''
  let from = start
  for (let i = 0; i < walk.dropped.length; i += 2) {
    const to = walk.dropped[i]!
    if (to > from) kept += text.slice(from, to)
    from = walk.dropped[i + 1]!
  }
  return from < text.length ? kept + text.slice(from) : kept
}

function withoutNamed(text: string, start: number, walk: Walk, named: Set<string>): string {
  const lines = forwardedLines(text, start, walk, undefined)
  let kept = ''
  let from = 0
  while (from < lines.length) {
    const end = lines.indexOf(LINE_END, from) + 2
    if (!named.has(lines.slice(from, lines.indexOf(':', from)).toLowerCase())) kept += lines.slice(from, end)
    from = end
  }
  return kept
}

/** `http://host/path` to `/path` (RFC 9112 section 3.2.2); the authority has to be the Host, so that nobody can read two. */
function originForm(method: string, target: string, host: string | undefined): string {
  const match = /^https?:\/\/([^/?#]*)([^#]*)$/i.exec(target)
  if (match === null) throw bad('the request target is malformed')
  if (match[1]!.toLowerCase() !== (host ?? '').toLowerCase())
    throw bad('the request target and the Host header disagree')
  const rest = match[2]!
  if (rest === '' && method === 'OPTIONS') return '*' // RFC 9112 section 3.2.4
  return rest.startsWith('/') ? rest : `/${rest}`
}
