import { type Case, conforms } from './conforms.js'
import { answer, chunked, everyByte, OK, request } from './messages.js'
import { app, exchange, next, visitor } from './steps.js'

const reasons: Array<[name: string, start: string]> = [
  ['an ordinary reason', '200 OK'],
  ['an empty reason', '200 '],
  ['a reason of several words', '404 There is  nothing\there '],
  ['a reason in latin1', '200 \xe4\xf6\xfc\xff'],
  ['a reason of every byte that it may have', `200 ${everyByte().slice(0x20, 0x7f)}${everyByte().slice(0x80)}`],
  ['a long reason', `500 ${'why '.repeat(2_000)}`],
  ['a reason that looks like a status line', '200 HTTP/1.1 404 Not Found'],
]
/** Registered or not; 204, 205 and 304 come further down. */
const statuses =
  '200 201 202 203 206 207 208 226 299 300 301 302 303 305 306 307 308 399 400 401 402 403 404 405 406 407 408 409 410 411 412 ' +
  '413 414 415 416 417 418 421 422 423 424 425 426 428 429 431 451 499 500 501 502 503 504 505 506 507 508 510 511 599 600 999'
const starts = [
  ...reasons,
  ...statuses.split(' ').map((status): [string, string] => [`the status ${status}`, `${status} Whatever`]),
]

const fields: Array<[name: string, lines: string[]]> = [
  ['keep their order and case', ['zeta: 1', 'ALPHA: 2', 'x-Mixed-CASE: 3', 'Beta: 4', 'Alpha: 5']],
  [
    'may be repeated',
    ['Set-Cookie: a=1; Path=/', 'set-cookie: b=2', 'X-A: 1', 'Set-Cookie: a=1; Path=/', 'SET-COOKIE:'],
  ],
  ['may be empty', ['X-A:', 'X-B: ', 'X-C: \t ']],
  ['keep white space around and inside their values', ['X-A:tight', 'X-B:   wide  ', 'X-C:\ttab\t', 'X-D: a  b\tc']],
  [
    'keep every byte that a value may have',
    [`X-A: ${everyByte().slice(0x20, 0x7f)}`, `X-B: ${everyByte().slice(0x80)}`],
  ],
  ['keep every byte that a name may have', ["!#$%&'*+-.^_`|~: 1", '0123456789: 2']],
  ['may have long values', [`X-A: ${'v'.repeat(100_000)}`]],
  ['may be many', Array.from({ length: 2_000 }, (_, i) => `X-${i}: ${i}`)],
  [
    'may look like those of the edge',
    ['X-Forwarded-For: 1.2.3.4', 'Forwarded: for=1.2.3.4', 'X-Forwarded-Proto: x', 'Via: 1.1 me'],
  ],
  ['may look like an answer of the tunnel', ['X-Tunnel-Error: TUN_ERR_NO_TUNNEL']],
  ['keep Location and cookie domains', ['Location: http://localhost:1/', 'Set-Cookie: a=b; Domain=localhost']],
  ['keep TE and Host, which mean nothing here', ['TE: gzip', 'Host: other']],
  [
    'keep challenges',
    ['WWW-Authenticate: Basic realm="a"', 'WWW-Authenticate: Digest realm="b"', 'Proxy-Authenticate: Basic'],
  ],
  [
    'keep what is about caches and ranges',
    ['Age: 1', 'ETag: W/"a"', 'Content-Range: bytes 0-1/9', 'Vary: *', 'Warning: 299 - "x"'],
  ],
  ['are not added: no Date, no Server, no Via', []],
]

const bodiless: Case[] = ['204 No Content', '304 Not Modified'].flatMap((start) =>
  [[], ['Content-Length: 5'], ['Content-Length: 0'], ['Transfer-Encoding: chunked']].map(
    (lines): Case => [
      `${start} with ${lines[0] ?? 'neither length nor chunks'} has no body`,
      [...exchange(request('GET /'), answer(start, lines)), ...next],
    ],
  ),
)
const toHead: Case[] = [
  '200 OK',
  '204 No Content',
  '301 Moved',
  '304 Not Modified',
  '404 Not Found',
  '500 Oops',
].flatMap((start) =>
  [[], ['Content-Length: 123456789'], ['Content-Length: 0'], ['Transfer-Encoding: chunked']].map(
    (lines): Case => [
      `${start} to HEAD with ${lines[0] ?? 'neither length nor chunks'} has no body`,
      [...exchange(request('HEAD /'), answer(start, lines)), ...next],
    ],
  ),
)

conforms(
  starts.map(([name, start]) => [
    `the status line with ${name}`,
    [...exchange(request('GET /'), `${answer(start)}ok`), ...next],
  ]),
)
conforms(
  fields.map(([name, lines]) => [
    `header fields of answers ${name}`,
    [...exchange(request('GET /'), answer('200 OK', [...lines, 'Content-Length: 2'], 'ok')), ...next],
  ]),
)
conforms(bodiless)
conforms(toHead)
conforms([
  ['205 without a body', [...exchange(request('POST /'), answer('205 Reset Content', ['Content-Length: 0'])), ...next]],
  [
    '205 in chunks',
    [...exchange(request('POST /'), answer('205 Reset Content', ['Transfer-Encoding: chunked'], chunked([]))), ...next],
  ],
  [
    'an answer that comes byte by byte',
    [visitor.sends(request('GET /')), app.sees(), app.dribbles(OK), visitor.sees(), ...next],
  ],
  [
    'a head whose last bytes come later',
    [
      visitor.sends(request('GET /')),
      app.sees(),
      app.sends(OK.slice(0, -5)),
      app.sends(OK.slice(-5)),
      visitor.sees(),
      ...next,
    ],
  ],
])
