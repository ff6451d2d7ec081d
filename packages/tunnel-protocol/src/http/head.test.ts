import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type ErrorCode, TunnelError } from '../errors.js'
import { parseRequestHead, parseResponseHead, type RequestHead, type ResponseHead } from './head.js'

const lines = (...list: string[]) => list.map((line) => `${line}\r\n`).join('')
const get = (...headers: string[]) => lines('GET / HTTP/1.1', 'Host: a.example', ...headers)
const ok = (...headers: string[]) => lines('HTTP/1.1 200 OK', ...headers)

// Requests that are read

const goodRequests: Array<[string, string, Partial<RequestHead>]> = [
  [
    'a plain GET',
    get(),
    {
      method: 'GET',
      target: '/',
      minor: 1,
      host: 'a.example',
      framing: 'none',
      contentLength: -1,
      connectionClose: false,
      connectionKeepAlive: false,
      upgrade: undefined,
      forward: 'Host: a.example\r\n',
    },
  ],
  ['any method', lines('M-SEARCH~1 / HTTP/1.1', 'Host: a'), { method: 'M-SEARCH~1' }],
  ['a method in lower case as it is', lines('get / HTTP/1.1', 'Host: a'), { method: 'get' }],
  [
    'a target with every odd byte',
    lines('GET /a{}|\\^%zz?"<>\xff# HTTP/1.1', 'Host: a'),
    { target: '/a{}|\\^%zz?"<>\xff#' },
  ],
  ['OPTIONS *', lines('OPTIONS * HTTP/1.1', 'Host: a'), { target: '*' }],
  ['HTTP/1.0 without Host', lines('GET / HTTP/1.0'), { minor: 0, host: undefined, forward: '' }],
  ['an empty Host', lines('GET / HTTP/1.1', 'Host:'), { host: '' }],
  ['an IPv6 Host with port', lines('GET / HTTP/1.1', 'Host: [::1]:8080'), { host: '[::1]:8080' }],
  ['white space around Host', lines('GET / HTTP/1.1', 'Host: \t a:80 \t'), { host: 'a:80' }],
  ['Content-Length', get('Content-Length: 42'), { framing: 'length', contentLength: 42 }],
  ['Content-Length of 0', get('Content-Length: 0'), { framing: 'none', contentLength: 0 }],
  ['Content-Length with leading zeros', get('content-length: 007'), { framing: 'length', contentLength: 7 }],
  ['a body on GET', get('Content-Length: 3'), { framing: 'length' }],
  ['chunked', get('Transfer-Encoding: chunked'), { framing: 'chunked', contentLength: -1 }],
  ['chunked in capitals and white space', get('TRANSFER-ENCODING: \t CHUNKED  '), { framing: 'chunked' }],
  ['Connection: close', get('Connection: close'), { connectionClose: true, forward: 'Host: a.example\r\n' }],
  ['Connection: Keep-Alive', get('connection: Keep-Alive'), { connectionKeepAlive: true }],
  [
    'an upgrade',
    get('Connection: keep-alive, Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: x'),
    { upgrade: 'websocket', connectionKeepAlive: true, forward: 'Host: a.example\r\nSec-WebSocket-Key: x\r\n' },
  ],
  ['Upgrade without Connection', get('Upgrade: h2c'), { upgrade: undefined, forward: 'Host: a.example\r\n' }],
  ['Connection: upgrade without Upgrade', get('Connection: upgrade'), { upgrade: undefined }],
  [
    'an upgrade with a body, as a plain request',
    get('Connection: upgrade', 'Upgrade: h2c', 'Content-Length: 1'),
    { upgrade: undefined, framing: 'length' },
  ],
  [
    'an upgrade over HTTP/1.0, as a plain request',
    lines('GET / HTTP/1.0', 'Connection: upgrade', 'Upgrade: x'),
    { upgrade: undefined },
  ],
  [
    'absolute-form that agrees with Host',
    lines('GET http://A.example:80/x?y HTTP/1.1', 'Host: a.EXAMPLE:80'),
    { target: '/x?y', host: 'a.EXAMPLE:80' },
  ],
  ['absolute-form without a path', lines('GET https://a HTTP/1.1', 'Host: a'), { target: '/' }],
  ['absolute-form with only a query', lines('GET http://a?q HTTP/1.1', 'Host: a'), { target: '/?q' }],
  ['absolute-form OPTIONS without a path, as *', lines('OPTIONS http://a HTTP/1.1', 'Host: a'), { target: '*' }],
  ['absolute-form OPTIONS with a path', lines('OPTIONS http://a/x HTTP/1.1', 'Host: a'), { target: '/x' }],
]
for (const [what, text, expected] of goodRequests) {
  test(`a request with ${what} is read`, () => {
    const head = parseRequestHead(text)
    for (const [key, value] of Object.entries(expected)) assert.equal(head[key as keyof RequestHead], value, key)
  })
}

// Requests that are refused

const badRequests: Array<[string, string, ErrorCode?]> = [
  ['nothing', ''],
  ['no line end', 'GET / HTTP/1.1'],
  ['an empty first line', lines('', 'Host: a')],
  ['HTTP/0.9', lines('GET /')],
  ['two spaces in the request line', lines('GET  / HTTP/1.1', 'Host: a')],
  ['a tab in the request line', lines('GET\t/ HTTP/1.1', 'Host: a')],
  ['a space in front of the request line', lines(' GET / HTTP/1.1', 'Host: a')],
  ['a space behind the request line', lines('GET / HTTP/1.1 ', 'Host: a')],
  ['a space in the target', lines('GET /a b HTTP/1.1', 'Host: a')],
  ['NUL in the target', lines('GET /\0 HTTP/1.1', 'Host: a')],
  ['a method with a colon', lines('GE:T / HTTP/1.1', 'Host: a')],
  ['http in lower case', lines('GET / http/1.1', 'Host: a')],
  ['HTTP/1.10', lines('GET / HTTP/1.10', 'Host: a')],
  ['HTTP/2.0', lines('PRI * HTTP/2.0'), 'TUN_ERR_HTTP_VERSION'],
  ['HTTP/1.2', lines('GET / HTTP/1.2', 'Host: a'), 'TUN_ERR_HTTP_VERSION'],
  ['HTTP/0.9 in words', lines('GET / HTTP/0.9', 'Host: a'), 'TUN_ERR_HTTP_VERSION'],
  ['CONNECT', lines('CONNECT a:443 HTTP/1.1', 'Host: a:443'), 'TUN_ERR_METHOD'],
  ['TRACE', lines('TRACE / HTTP/1.1', 'Host: a'), 'TUN_ERR_METHOD'],

  ['no Host', lines('GET / HTTP/1.1')],
  ['two Hosts', lines('GET / HTTP/1.1', 'Host: a', 'Host: a')],
  ['two Hosts over HTTP/1.0', lines('GET / HTTP/1.0', 'Host: a', 'host: b')],
  ['a Host with a path', lines('GET / HTTP/1.1', 'Host: a/b')],
  ['a Host with user info', lines('GET / HTTP/1.1', 'Host: u@a')],
  ['a Host with a space', lines('GET / HTTP/1.1', 'Host: a b')],
  ['a Host list', lines('GET / HTTP/1.1', 'Host: a, b')],
  ['a Host with a quote', lines('GET / HTTP/1.1', 'Host: a"b')],
  ['a Host with two ports', lines('GET / HTTP/1.1', 'Host: a:1:2')],
  ['a Host beyond ASCII', lines('GET / HTTP/1.1', 'Host: \xe4')],

  ['absolute-form that disagrees with Host', lines('GET http://b/ HTTP/1.1', 'Host: a')],
  ['absolute-form with another port than Host', lines('GET http://a:81/ HTTP/1.1', 'Host: a')],
  ['absolute-form with user info', lines('GET http://u@a/ HTTP/1.1', 'Host: a')],
  ['absolute-form without Host', lines('GET http://a/ HTTP/1.0')],
  ['absolute-form with a fragment', lines('GET http://a/#x HTTP/1.1', 'Host: a')],
  ['another scheme', lines('GET ftp://a/ HTTP/1.1', 'Host: a')],
  ['authority-form', lines('GET a:80 HTTP/1.1', 'Host: a:80')],
  ['* with another method than OPTIONS', lines('GET * HTTP/1.1', 'Host: a')],
  ['a target that is no path', lines('GET index.html HTTP/1.1', 'Host: a')],

  ['two Content-Lengths that differ', get('Content-Length: 1', 'Content-Length: 2')],
  ['two Content-Lengths that agree', get('Content-Length: 1', 'Content-Length: 1')],
  ['a Content-Length list', get('Content-Length: 1, 1')],
  ['Content-Length +1', get('Content-Length: +1')],
  ['Content-Length -1', get('Content-Length: -1')],
  ['Content-Length 0x10', get('Content-Length: 0x10')],
  ['Content-Length 1e3', get('Content-Length: 1e3')],
  ['Content-Length 1_0', get('Content-Length: 1_0')],
  ['Content-Length 1.0', get('Content-Length: 1.0')],
  ['Content-Length with a space inside', get('Content-Length: 1 0')],
  ['an empty Content-Length', get('Content-Length:')],
  ['a Content-Length beyond 2^53', get('Content-Length: 9007199254740993')],
  ['a Content-Length beyond 2^64', get('Content-Length: 18446744073709551617')],
  ['a Content-Length with \xa0', get('Content-Length: \xa05')],

  ['Content-Length and chunked', get('Content-Length: 5', 'Transfer-Encoding: chunked')],
  ['chunked and Content-Length', get('Transfer-Encoding: chunked', 'Content-Length: 5')],
  ['chunked and Content-Length of 0', get('Transfer-Encoding: chunked', 'Content-Length: 0')],
  ['chunked twice', get('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
  ['chunked, chunked', get('Transfer-Encoding: chunked, chunked')],
  ['chunked not last', get('Transfer-Encoding: chunked, gzip')],
  ['chunked, identity', get('Transfer-Encoding: chunked, identity')],
  ['identity', get('Transfer-Encoding: identity')],
  ['an empty Transfer-Encoding', get('Transfer-Encoding:')],
  ['chunked with a vertical tab', get('Transfer-Encoding: \x0bchunked')],
  ['chunked with \xa0', get('Transfer-Encoding: \xa0chunked')],
  ['chunked with a parameter', get('Transfer-Encoding: chunked;q=1')],
  ['chunked in quotes', get('Transfer-Encoding: "chunked"')],
  ['chunked over HTTP/1.0', lines('GET / HTTP/1.0', 'Host: a', 'Transfer-Encoding: chunked')],
  ['another coding', get('Transfer-Encoding: gzip, chunked'), 'TUN_ERR_NOT_IMPLEMENTED'],
  ['an unknown coding', get('Transfer-Encoding: xchunked'), 'TUN_ERR_NOT_IMPLEMENTED'],

  ['a space before the colon', get('Content-Length : 5')],
  ['a tab before the colon', get('Transfer-Encoding\t: chunked')],
  ['a folded line', get('X: a', ' b')],
  ['Content-Length and a tab behind it', get('Content-Length: 5\t')],
  ['Transfer-Encoding and a tab behind it', get('Transfer-Encoding: chunked\t')],
  ['a folded line with a tab', get('Transfer-Encoding:', '\tchunked')],
  ['a line folded right behind the request line', lines('GET / HTTP/1.1', ' Host: a', 'Host: a')],
  ['NUL in a value', get('X: a\0b')],
  ['NUL in a name', get('X\0: a')],
  ['a bare LF', get('X: a\nTransfer-Encoding: chunked')],
  ['a bare CR', get('X: a\rTransfer-Encoding: chunked')],
  ['a bare LF behind the request line', 'GET / HTTP/1.1\nHost: a\r\n'],
  ['DEL in a value', get('X: a\x7f')],
  ['a line without a colon', get('nonsense')],
  ['an empty name', get(': x')],
  ['a name with a space', get('X Y: a')],
  ['a name beyond ASCII', get('X\xe4: a')],
  ['a name in parentheses', get('(X): a')],
  ['an empty line inside', get('', 'X: a')],
  ['a last line that does not end', `${get()}X: a`],
]
for (const [what, text, code = 'TUN_ERR_BAD_REQUEST'] of badRequests) {
  test(`a request with ${what} is refused with ${code}`, () => assert.throws(() => parseRequestHead(text), { code }))
}

// Responses

const goodResponses: Array<[string, string, string, Partial<ResponseHead>]> = [
  [
    'no header at all',
    ok(),
    'GET',
    { status: 200, minor: 1, reason: 'OK', framing: 'close', contentLength: -1, forward: '', keepAliveTimeout: -1 },
  ],
  ['no reason', lines('HTTP/1.1 204'), 'GET', { status: 204, reason: '', framing: 'none' }],
  ['an empty reason', lines('HTTP/1.1 599 '), 'GET', { status: 599, reason: '' }],
  ['an odd reason', lines('HTTP/1.0 200 \t\xfcber  gut'), 'GET', { minor: 0, reason: '\t\xfcber  gut' }],
  ['Content-Length', ok('Content-Length: 5'), 'GET', { framing: 'length', contentLength: 5 }],
  ['Content-Length of 0', ok('Content-Length: 0'), 'GET', { framing: 'none', contentLength: 0 }],
  ['chunked', ok('Transfer-Encoding: chunked'), 'GET', { framing: 'chunked' }],
  ['an answer to HEAD', ok('Content-Length: 5'), 'HEAD', { framing: 'none', contentLength: 5 }],
  ['a chunked answer to HEAD', ok('Transfer-Encoding: chunked'), 'HEAD', { framing: 'none' }],
  ['304', lines('HTTP/1.1 304 Not Modified', 'Content-Length: 9'), 'GET', { framing: 'none', contentLength: 9 }],
  ['204 with a length', lines('HTTP/1.1 204 No Content', 'Content-Length: 9'), 'GET', { framing: 'none' }],
  ['an interim head', lines('HTTP/1.1 103 Early Hints', 'Link: </x>'), 'GET', { status: 103, framing: 'none' }],
  [
    'an upgrade',
    lines('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket'),
    'GET',
    { framing: 'none', upgrade: 'websocket', forward: '' },
  ],
  [
    'Keep-Alive',
    ok('Connection: keep-alive', 'Keep-Alive: max=100, timeout=5'),
    'GET',
    { keepAliveTimeout: 5, connectionKeepAlive: true, forward: '' },
  ],
  ['a Keep-Alive that says nothing', ok('Keep-Alive: xtimeout=5'), 'GET', { keepAliveTimeout: -1 }],
  [
    'fields that only mean something in requests',
    ok('Forwarded: x', 'TE: gzip', 'X-Forwarded-For: y'),
    'GET',
    {
      forward: 'Forwarded: x\r\nTE: gzip\r\nX-Forwarded-For: y\r\n',
    },
  ],
]
for (const [what, text, method, expected] of goodResponses) {
  test(`a response with ${what} is read`, () => {
    const head = parseResponseHead(text, method)
    for (const [key, value] of Object.entries(expected)) assert.equal(head[key as keyof ResponseHead], value, key)
  })
}

const badResponses: Array<[string, string]> = [
  ['nothing', ''],
  ['HTTP/2', lines('HTTP/2 200 OK')],
  ['HTTP/1.2', lines('HTTP/1.2 200 OK')],
  ['a status of two digits', lines('HTTP/1.1 99 x')],
  ['a status of four digits', lines('HTTP/1.1 2000 x')],
  ['status 042', lines('HTTP/1.1 042 x')],
  ['two spaces before the status', lines('HTTP/1.1  200 OK')],
  ['a control byte in the reason', lines('HTTP/1.1 200 O\x01K')],
  ['a bare LF', 'HTTP/1.1 200 OK\nX: a\r\n'],
  ['two Content-Lengths', ok('Content-Length: 1', 'Content-Length: 1')],
  ['Content-Length and chunked', ok('Content-Length: 1', 'Transfer-Encoding: chunked')],
  ['chunked over HTTP/1.0', lines('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked')],
  ['another coding', ok('Transfer-Encoding: gzip, chunked')],
  ['a space before the colon', ok('X : a')],
  ['a folded line', ok('X: a', ' b')],
  ['NUL', ok('X: \0')],
]
for (const [what, text] of badResponses) {
  test(`a response with ${what} is refused`, () => {
    assert.throws(() => parseResponseHead(text, 'GET'), { code: 'TUN_ERR_ORIGIN_RESET' })
  })
}

// What is passed on

const forwarded: Array<[string, string[], string[]]> = [
  [
    'order, case, repeats and odd white space are kept',
    ['b:1', 'B:  2 ', 'a:\t', 'b:'],
    ['b:1', 'B:  2 ', 'a:\t', 'b:'],
  ],
  ['bytes beyond ASCII are kept', ['X: \xe4\xff\x80'], ['X: \xe4\xff\x80']],
  [
    'hop-by-hop fields are left out',
    ['Connection: close', 'Keep-Alive: timeout=5', 'Proxy-Connection: x', 'A: 1'],
    ['A: 1'],
  ],
  ['fields that Connection names are left out', ['X-Hop: 1', 'Connection: x-HOP ,, y', 'Y: 2', 'Z: 3'], ['Z: 3']],
  ['every field of a name is left out', ['X: 1', 'A: 1', 'x: 2', 'Connection: X', 'X: 3'], ['A: 1']],
  ['two Connection fields count as one', ['Connection: a', 'A: 1', 'connection: b', 'B: 2', 'C: 3'], ['C: 3']],
  [
    'naming an end-to-end field in Connection does not remove it',
    [
      'Connection: host, cookie, authorization, content-length, te, trailer',
      'Cookie: 1',
      'Authorization: x',
      'Content-Length: 5',
    ],
    ['Cookie: 1', 'Authorization: x', 'Content-Length: 5'],
  ],
  ['TE: trailers is passed on', ['TE: trailers'], ['TE: trailers']],
  ['any other TE is not', ['TE: gzip;q=1, trailers', 'A: 1'], ['A: 1']],
  ['framing is passed on', ['Transfer-Encoding: chunked', 'Trailer: X'], ['Transfer-Encoding: chunked', 'Trailer: X']],
  [
    'what the peer says of who forwarded it is left out',
    [
      'X-Forwarded-For: 1',
      'X_Forwarded-For: 1',
      'x-forwarded-proto: https',
      'X-Forwarded-Host: h',
      'X-Forwarded-Port: 1',
      'Forwarded: for=x',
      'A: 1',
    ],
    ['A: 1'],
  ],
  [
    'names that look like those are passed on',
    ['X-Forwarded-Foo: 1', 'Hostt: 1', 'T: 1'],
    ['X-Forwarded-Foo: 1', 'Hostt: 1', 'T: 1'],
  ],
]
for (const [what, sent, kept] of forwarded) {
  test(`${what} in a request`, () =>
    assert.equal(parseRequestHead(get(...sent)).forward, lines('Host: a.example', ...kept)))
}

test('what a proxy in front says is noted, lists in order', () => {
  const head = parseRequestHead(
    get(
      'X-Forwarded-For: 1.1.1.1',
      'X-Forwarded-Proto: https',
      'x-forwarded-for: 2.2.2.2',
      'X-Forwarded-Host: h',
      'X-Forwarded-Port: 9',
    ),
  )
  assert.deepEqual(
    [head.forwardedFor, head.forwardedProto, head.forwardedHost, head.forwardedPort],
    ['1.1.1.1, 2.2.2.2', 'https', 'h', '9'],
  )
})

// Properties

const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/)
const value = fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,30}$/)
const special =
  /^(te|host|upgrade|forwarded|connection|keep-alive|content-length|x-forwarded-(for|host|port|proto)|proxy-connection|transfer-encoding)$/i

test('any plain header lines are passed on byte for byte', () => {
  const header = fc
    .tuple(
      name.filter((text) => !special.test(text)),
      value,
    )
    .map(([key, text]) => `${key}:${text}`)
  const check = fc.property(fc.array(header, { maxLength: 20 }), (headers) => {
    assert.equal(parseRequestHead(get(...headers)).forward, lines('Host: a.example', ...headers))
    assert.equal(parseResponseHead(ok(...headers), 'GET').forward, lines(...headers))
  })
  fc.assert(check)
})

test('whatever text comes, a head is read or refused, and what is passed on has no line a second parser could split', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'GET / HTTP/1.1',
      'HTTP/1.1 200 OK',
      '\r\n',
      '\n',
      '\r',
      ':',
      ' ',
      '\t',
      '\0',
      '\xff',
      '*',
      'http://a/',
      'a',
    ),
    fc.constantFrom(
      'Host: a',
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      'Connection: x, upgrade',
      'Upgrade: x',
      'x: 1',
    ),
    value,
  )
  const text = fc.oneof(
    fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join('')),
    fc.array(piece, { maxLength: 8 }).map((pieces) => get(...pieces)),
    fc.array(piece, { maxLength: 8 }).map((pieces) => ok(...pieces)),
  )
  const allowed = new Set(['BAD_REQUEST', 'METHOD', 'NOT_IMPLEMENTED', 'HTTP_VERSION', 'ORIGIN_RESET'])
  const check = fc.property(text, (input) => {
    for (const parse of [parseRequestHead, (head: string) => parseResponseHead(head, 'GET')]) {
      try {
        assert.match(parse(input).forward, /^([^\s:\0]+:[^\r\n\0]*\r\n)*$/)
      } catch (error) {
        assert.ok(error instanceof TunnelError && allowed.has(error.code.slice(8)), String(error))
      }
    }
  })
  fc.assert(check, { numRuns: 3_000 })
})

test('a head as large as it may be is read, and a malformed one refused, without trouble', () => {
  const line = `X: ${'v'.repeat(250_000)}`
  assert.equal(parseRequestHead(get(line)).forward, lines('Host: a.example', line))
  assert.throws(() => parseRequestHead(get(`${line}\0`)), { code: 'TUN_ERR_BAD_REQUEST' })
  assert.throws(() => parseRequestHead(get('n'.repeat(250_000))), { code: 'TUN_ERR_BAD_REQUEST' })
  const many = Array.from({ length: 40_000 }, () => 'a:b')
  assert.throws(() => parseRequestHead(get(...many, '\0')), { code: 'TUN_ERR_BAD_REQUEST' })
})

const limits = { maxFields: 3, maxTargetBytes: 10 }
function limited(target: string, fields: number): () => unknown {
  const lines = ['Host: a', ...Array.from({ length: fields - 1 }, (_, i) => `X-${i}: y`)]
  return () => parseRequestHead(`GET ${target} HTTP/1.1\r\n${lines.map((line) => `${line}\r\n`).join('')}`, limits)
}

test('a target or a number of lines at its limit is taken, one beyond is refused', () => {
  assert.doesNotThrow(limited('/123456789', 3))
  assert.throws(limited('/1234567890', 3), { code: 'TUN_ERR_URI_TOO_LONG' })
  assert.throws(limited('/', 4), { code: 'TUN_ERR_HEAD_TOO_LARGE' })
})
