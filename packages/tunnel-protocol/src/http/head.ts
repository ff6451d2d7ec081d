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
  /** Value of Cookie; of several, one behind the other. */
  cookie: string | undefined
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

const REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e\x80-\xff]+ HTTP\/[0-9]\.[0-9]$/
const STATUS_LINE = /^HTTP\/1\.[01] [1-9][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?$/
const REQUEST_HEAD = headOf(REQUEST_LINE)
const RESPONSE_HEAD = headOf(STATUS_LINE)
/** Bytes from the space in front of the version to the end of a request line. */
const VERSION_LINE_END = ' HTTP/1.1\r\n'.length
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

/** Fields collected while walking the lines, before the rules are applied. One for all heads: none is read while another one is. */
class Walk {
  /** Lines seen. */
  count = 0
  host: string | undefined
  hosts = 0
  cookie: string | undefined
  contentLength: string | undefined
  contentLengths = 0
  transferEncoding: string | undefined
  connection: string | undefined
  upgrade: string | undefined
  keepAlive: string | undefined
  forwardedFor: string | undefined
  forwardedProto: string | undefined
  forwardedHost: string | undefined
  forwardedPort: string | undefined
  forwarded: string | undefined
  /** Start and end offsets of the lines left out so far, in pairs. */
  dropped: number[] | undefined

  clear(): void {
    this.count = 0
    this.host = undefined
    this.hosts = 0
    this.cookie = undefined
    this.contentLength = undefined
    this.contentLengths = 0
    this.transferEncoding = undefined
    this.connection = undefined
    this.upgrade = undefined
    this.keepAlive = undefined
    this.forwardedFor = undefined
    this.forwardedProto = undefined
    this.forwardedHost = undefined
    this.forwardedPort = undefined
    this.forwarded = undefined
    this.dropped = undefined
  }
}

const walk = new Walk()

/**
 * Parse a request head: everything up to and including the CRLF of its last line, without the empty line.
 * Strict on purpose: what two parsers could read in two ways is refused (RFC 9112 section 11.2).
 * Throws TunnelError with TUN_ERR_BAD_REQUEST, _METHOD, _NOT_IMPLEMENTED, _HTTP_VERSION, _URI_TOO_LONG or _HEAD_TOO_LARGE.
 */
export function parseRequestHead(text: string, limits: RequestHeadLimits = NO_LIMITS): RequestHead {
  if (!REQUEST_HEAD.test(text)) throw bad(faultOf(text, REQUEST_LINE, 'the request line is malformed'))
  const methodEnd = text.indexOf(' ')
  const targetEnd = text.indexOf(' ', methodEnd + 1)
  const start = targetEnd + VERSION_LINE_END
  const minor = minorVersion(text, targetEnd + 1)
  const method = methodEnd === 3 && text.startsWith('GET') ? 'GET' : text.slice(0, methodEnd)
  if (method === 'CONNECT' || method === 'TRACE') throw new TunnelError('TUN_ERR_METHOD', `${method} is not carried`)
  if (targetEnd - methodEnd - 1 > limits.maxTargetBytes) {
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

  let target = text.slice(methodEnd + 1, targetEnd)
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
    cookie: walk.cookie,
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
  if (!RESPONSE_HEAD.test(text)) throw broken(faultOf(text, STATUS_LINE, 'the status line is malformed'))
  const minor = text.charCodeAt(7) === 49 ? 1 : 0
  const status = (text.charCodeAt(9) - 48) * 100 + (text.charCodeAt(10) - 48) * 10 + text.charCodeAt(11) - 48
  const lineEnd = text.indexOf(LINE_END)
  const start = lineEnd + 2
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
    reason: status === 200 && text.startsWith('OK\r', 13) ? 'OK' : text.slice(13, Math.max(13, lineEnd)),
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

/** A first line and header lines, all that a head may be: looked at as one, as nearly every head is right. */
function headOf(firstLine: RegExp): RegExp {
  return new RegExp(`${firstLine.source.slice(0, -1)}\\r\\n${HEADER_LINES.source.slice(1)}`)
}

/** What is wrong with a head that is not right. Whatever else is wrong with it, the same answer: it must not depend on how the bytes came. */
function faultOf(text: string, firstLine: RegExp, words: string): string {
  const lineEnd = text.indexOf(LINE_END)
  return firstLine.test(lineEnd < 0 ? text : text.slice(0, lineEnd)) ? 'a header line is malformed' : words
}

/** Of `HTTP/x.y` at `at`. */
function minorVersion(text: string, at: number): 0 | 1 {
  const major = text.charCodeAt(at + 5)
  const minor = text.charCodeAt(at + 7)
  if (major === 49 && minor === 49) return 1
  if (major === 49 && minor === 48) return 0
  throw new TunnelError('TUN_ERR_HTTP_VERSION', `${text.slice(at, at + 8)} is not served here`)
}

/** Look at each line once, and note in `walk` what matters. A name is compared only where its length and first letter fit one that does. */
function walkLines(text: string, start: number, request: boolean): Walk {
  walk.clear()
  let from = start
  while (from < text.length) {
    const colon = text.indexOf(':', from)
    const end = text.indexOf(LINE_END, colon)
    // The bit that tells upper from lower case set: x for X.
    if (interesting[colon - from]?.includes(text.charCodeAt(from) | 0x20) === true) {
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

/** First letters of the names that matter, by length. */
const interesting: number[][] = []
for (const name of [
  'te',
  'host',
  'cookie',
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
  interesting[name.length] ??= []
  interesting[name.length]!.push(name.charCodeAt(0))
}

/** Note a field that matters. Returns whether its line is passed on. */
function note(walk: Walk, name: string, text: string, from: number, to: number, request: boolean): boolean {
  switch (name) {
    case 'host':
      walk.hosts++
      walk.host = trimOws(text, from, to)
      return true
    case 'cookie':
      walk.cookie = list(walk.cookie, trimOws(text, from, to), '; ')
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

function list(before: string | undefined, value: string, separator = ', '): string {
  return before === undefined ? value : `${before}${separator}${value}`
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

/** What Connection says. */
interface ConnectionOptions {
  close: boolean
  keepAlive: boolean
  upgrade: boolean
  /** Fields that concern this hop only. */
  named: Set<string> | undefined
}

const NOTHING_SAID: ConnectionOptions = { close: false, keepAlive: false, upgrade: false, named: undefined }
const CLOSE: ConnectionOptions = { ...NOTHING_SAID, close: true }
const KEEP_ALIVE: ConnectionOptions = { ...NOTHING_SAID, keepAlive: true }

function readConnection({ connection, upgrade }: Walk): ConnectionOptions {
  if (connection === undefined) return NOTHING_SAID
  if (connection === 'keep-alive') return KEEP_ALIVE
  if (connection === 'close') return CLOSE
  const result = { ...NOTHING_SAID }
  for (const option of connection.split(',')) {
    const name = trimOws(option, 0, option.length).toLowerCase()
    if (name === 'close') result.close = true
    else if (name === 'keep-alive') result.keepAlive = true
    else if (name === 'upgrade') result.upgrade = upgrade !== undefined
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
