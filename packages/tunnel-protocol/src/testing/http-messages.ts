import fc from 'fast-check'
import { type Mutation, mutate, mutations, readable } from './fuzz.js'

/**
 * HTTP/1.1 messages to fuzz with: right ones, ones with a known trick in them, and both with bytes changed. All are latin1 texts.
 */

/** The name under which the messages ask for a tunnel. */
export const FUZZ_HOST = 'demo.localhost'

/** What two parsers have been known to read in two ways, as whole lines. */
const trickLines = [
  'Content-Length: 5',
  'Content-Length: 0',
  'content-length:5',
  'Content-Length: +5',
  'Content-Length: -1',
  'Content-Length: 0x5',
  'Content-Length: 1e1',
  'Content-Length: 5, 5',
  'Content-Length: 5,6',
  'Content-Length:',
  'Content-Length: 5 5',
  'Content-Length: 5\t ',
  'Content-Length: 00000005',
  'Content-Length: 9007199254740993',
  'Content-Length: 18446744073709551621',
  'Content-Length : 5',
  'Content-Length\t: 5',
  ' Content-Length: 5',
  'Content-Length: 5\x0b',
  'Content-Length: \xa05',
  'Transfer-Encoding: chunked',
  'transfer-encoding:ChunKed',
  'Transfer-Encoding: \tchunked\t',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, gzip',
  'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: xchunked',
  'Transfer-Encoding: chunked\x0b',
  'Transfer-Encoding: identity',
  'Transfer-Encoding: identity, chunked',
  'Transfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,',
  'Transfer-Encoding: "chunked"',
  'Transfer-Encoding: chunked;q=1',
  'Transfer-Encoding:',
  'Transfer-Encoding : chunked',
  'Transfer-Encoding\0: chunked',
  'Transfer-Encoding:\r\n chunked',
  'Transfer_Encoding: chunked',
  'X: a\nTransfer-Encoding: chunked',
  'X: a\rContent-Length: 3',
  'X: a\r\r\nContent-Length: 3',
  'X: a\n\r\nGET /smuggled HTTP/1.1',
  'X: a\0b',
  'X: folded\r\n\ttwice',
  ': nameless',
  'no colon',
  'Host: other.localhost',
  'Host:',
  'Host: demo.localhost, demo.localhost',
  'Host : demo.localhost',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: Upgrade',
  'Connection: content-length, transfer-encoding, host, x',
  'Connection: close, X, ,',
  'Upgrade: websocket',
  'Upgrade:',
  'Keep-Alive: timeout=5, max=10',
  'Proxy-Connection: close',
  'TE: trailers',
  'TE: gzip',
  'Trailer: X',
  'Expect: 100-continue',
  'Expect: something',
  'X-Forwarded-For: 10.0.0.1',
  'Forwarded: for=10.0.0.1',
  'X-Forwarded-Host: evil.example',
  'x_forwarded-FOR: 10.0.0.1',
  'X_Forwarded_Proto: https',
]

/** Bytes that mean something to a parser. */
export const httpTokens = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\r\n\r\n',
    '\n\n',
    '\r\r\n',
    '\0',
    ' ',
    '\t',
    '\x0b',
    '\x0c',
    '\x7f',
    '\x80',
    '\x85',
    '\xa0',
  ],
  ...[
    ':',
    ',',
    ';',
    '"',
    '#',
    '%00',
    '-',
    '+',
    '0x',
    '0',
    'f',
    '\xff',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    'ffffffffffffffff',
  ],
  ...['HTTP/1.0', 'HTTP/1.1', 'HTTP/2.0', 'chunked', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n'],
  ...['X: y\r\n', ' folded\r\n', 'Connection: close\r\n', `GET /smuggled HTTP/1.1\r\nHost: ${FUZZ_HOST}\r\n\r\n`],
  ...['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 'HTTP/1.1 100 Continue\r\n\r\n'],
].map((token) => Buffer.from(token, 'latin1'))

const methods = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'PATCH', 'PROPFIND') },
  { weight: 1, arbitrary: fc.constantFrom('get', 'BREW', 'TRACE', 'CONNECT', 'PRI', "!#$%&'*+-.^_`|~", 'G(T', '') },
)
const targets = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.constantFrom('/', '/a/b?c=d', '//a//b', '/..;/%2F%00', '/a"b<c>{|}\\^`', '/?', '/#x', '/\xe9'),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      `http://${FUZZ_HOST}/x?y`,
      `HTTP://${FUZZ_HOST.toUpperCase()}`,
      `https://${FUZZ_HOST}?q`,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom('*', 'a', `http://other/`, `http://u@${FUZZ_HOST}/`, `${FUZZ_HOST}:80`, '/a b', ''),
  },
)
const versions = fc.oneof(
  { weight: 20, arbitrary: fc.constant('HTTP/1.1') },
  { weight: 1, arbitrary: fc.constant('HTTP/1.0') },
  { weight: 1, arbitrary: fc.constantFrom('HTTP/2.0', 'HTTP/1.2', 'http/1.1', 'HTTP/1.1 ', 'HTTP/11', '') },
)
const hosts = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(FUZZ_HOST, `${FUZZ_HOST}:8080`, FUZZ_HOST.toUpperCase(), `${FUZZ_HOST}.`) },
  { weight: 1, arbitrary: fc.constantFrom('', 'a b', 'none.localhost', 'foreign.example', '[::1]:80', 'localhost') },
)

/** What a field value may hold (RFC 9110 section 5.5), no white space at its ends. */
const plainValues = fc.oneof(
  fc.constantFrom('', 'a', 'a, b', '"q\\"uoted", x', 'caf\xe9', 'a\tb  c', 'x'.repeat(40), '\x80\xff'),
  fc.array(fc.integer({ min: 0x21, max: 0x7e }), { maxLength: 12 }).map((codes) => String.fromCharCode(...codes)),
)
const spaces = fc.constantFrom('', ' ', ' ', ' ', '\t', '  \t')
const plainLines = fc
  .tuple(
    fc.constantFrom('X-Case', 'x-case', 'Set-Cookie', 'Accept', 'Cookie', 'Date', "!#$%&'*+-.^_`|~9", 'Content-Type'),
    spaces,
    plainValues,
    spaces,
  )
  .map(([name, before, value, after]) => `${name}:${before}${value}${after}`)
const lines = fc.array(plainLines, { maxLength: 5 })
const tricks = fc.oneof(
  { weight: 8, arbitrary: fc.constant<string[]>([]) },
  { weight: 1, arbitrary: fc.constant(['Upgrade: websocket', 'Connection: Upgrade']) },
  { weight: 2, arbitrary: fc.array(fc.constantFrom(...trickLines), { minLength: 1, maxLength: 2 }) },
)

export interface FuzzBody {
  framing: 'none' | 'length' | 'chunked'
  /** Between the start line and the other lines. */
  line: string
  /** As it goes over the wire. */
  wire: string
}

const contents = fc.oneof(
  fc.constantFrom('', 'a', 'hello', '0\r\n\r\n', '\r\n', `GET /smuggled HTTP/1.1\r\nHost: ${FUZZ_HOST}\r\n\r\n`),
  fc.nat(200).map((length) => 'body.'.repeat(length / 5)),
)
const extensions = fc.oneof(
  { weight: 6, arbitrary: fc.constant('') },
  { weight: 1, arbitrary: fc.constantFrom(';a', ';a=b', '; a="b;c"', ' ;x', '\t', ';\xe9') },
  { weight: 1, arbitrary: fc.constantFrom(';a\n', ' x', ';\0', ',5', '\x0b') },
)
const chunkParts = fc.array(fc.tuple(contents, extensions, fc.constantFrom('', '', '0', '000'), fc.boolean()), {
  maxLength: 4,
})
const trailerLines = fc.oneof(
  { weight: 3, arbitrary: fc.constant<string[]>([]) },
  { weight: 2, arbitrary: fc.array(plainLines, { maxLength: 3 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<string[]>(
      ['Content-Length: 7'],
      ['Transfer-Encoding: chunked'],
      ['a b: c'],
      ['no colon'],
      ['X: \0'],
      ['X-Forwarded-For: 10.0.0.1', 'X: y', 'x_forwarded-host: evil', 'forwarded:for=a'],
    ),
  },
)

function chunkedWire(parts: Array<[string, string, string, boolean]>, last: string, trailers: string[]): string {
  const wire = parts
    .filter(([content]) => content.length > 0)
    .map(([content, extension, zeros, upper]) => {
      const size = content.length.toString(16)
      return `${zeros}${upper ? size.toUpperCase() : size}${extension}\r\n${content}\r\n`
    })
  return `${wire.join('')}0${last}\r\n${trailers.map((line) => `${line}\r\n`).join('')}\r\n`
}

export const bodies: fc.Arbitrary<FuzzBody> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<FuzzBody>({ framing: 'none', line: '', wire: '' }) },
  {
    weight: 3,
    arbitrary: contents.map(
      (wire): FuzzBody => ({ framing: 'length', line: `Content-Length: ${wire.length}\r\n`, wire }),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(chunkParts, extensions, trailerLines).map(
      ([parts, last, trailers]): FuzzBody => ({
        framing: 'chunked',
        line: 'Transfer-Encoding: chunked\r\n',
        wire: chunkedWire(parts, last, trailers),
      }),
    ),
  },
)

/** A request that says `target`, or any of many, mostly right. */
export function requests(target: fc.Arbitrary<string> = targets): fc.Arbitrary<Buffer> {
  return fc
    .tuple(methods, target, versions, hosts, lines, tricks, bodies)
    .map(([method, to, version, host, before, odd, body]) => {
      const fields = [`Host: ${host}`, ...before, ...odd].map((line) => `${line}\r\n`).join('')
      return Buffer.from(`${method} ${to} ${version}\r\n${body.line}${fields}\r\n${body.wire}`, 'latin1')
    })
}

const statusLines = fc.oneof(
  {
    weight: 10,
    arbitrary: fc
      .tuple(
        fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0'),
        fc.constantFrom(200, 200, 200, 201, 204, 206, 301, 304, 401, 404, 413, 500, 502, 999),
        fc.constantFrom(' OK', ' ', '', ' Not  Found', ' caf\xe9', ' \t'),
      )
      .map(([version, status, reason]) => `${version} ${status}${reason}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...['HTTP/1.1 101 Switching', 'HTTP/1.1 100 Continue', 'HTTP/1.1 099 X', 'HTTP/1.1 1000 X', 'HTTP/1.1 20 X', ''],
      ...[
        'HTTP/2 200 OK',
        'HTTP/1.1  200 OK',
        'HTTP/1.1\t200\tOK',
        'http/1.1 200 OK',
        'HTTP/1.1 200 O\0K',
        'ICY 200 OK',
      ],
      ...['HTTP/1.1 200 O\nK', 'HTTP/1.1 200 O\rK', 'HTTP/1.2 200 OK', 'HTTP/1.1 2x0 OK', 'HTTP/1.1 200OK', 'HTTP/1.1'],
    ),
  },
)

export const interims = fc.array(
  fc.constantFrom(
    ...[
      'HTTP/1.1 100 Continue\r\n\r\n',
      'HTTP/1.1 102 Processing\r\n\r\n',
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n',
    ],
    ...['HTTP/1.1 103 X\r\nContent-Length: 5\r\n\r\n', 'HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ),
  { maxLength: 2 },
)

/** A final response, mostly right. */
export const responses: fc.Arbitrary<Buffer> = fc
  .tuple(statusLines, lines, tricks, bodies)
  .map(([statusLine, before, odd, body]) => {
    const fields = [...before, ...odd].map((line) => `${line}\r\n`).join('')
    return Buffer.from(`${statusLine}\r\n${body.line}${fields}\r\n${body.wire}`, 'latin1')
  })

const httpMutation = mutations(3_000, ['flip', 'set', 'insert', 'remove', 'repeat', 'token', 'token', 'token'])
const someMutations: fc.Arbitrary<Mutation[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Mutation[]>([]) },
  { weight: 1, arbitrary: fc.array(httpMutation, { minLength: 1, maxLength: 3 }) },
)

/** The same, and in a third of the cases with a few bytes changed. */
export function mutated(messages: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  return fc.tuple(messages, someMutations).map(([bytes, list]) => readable(mutate(bytes, list, httpTokens)))
}
