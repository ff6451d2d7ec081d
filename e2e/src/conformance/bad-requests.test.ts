import { type Case, tunnels } from './conforms.js'
import { chunked, HOST, OK, request } from './messages.js'
import type { Step } from './play.js'
import { app, forwarded, visitor } from './steps.js'

const BAD = 'TUN_ERR_BAD_REQUEST'

/** Behind everything that is refused: nobody may answer it, and it may not reach the app. */
const smuggled = request('GET /smuggled')

/** A head that is refused; the app hears nothing of it. */
function refusedHead(name: string, head: string, status = 400, code = BAD): Case {
  const steps = [visitor.sends(head + smuggled), visitor.isRefused(status, code), visitor.seesEnd()]
  // What went to the app before this one would have got there before this one.
  return [`refused: ${name}`, [...steps, visitor.comesAgain(), ...forwarded()]]
}

const withLines = (...lines: string[]) => request('POST /', lines, '5\r\nhello\r\n0\r\n\r\n')
const startingWith = (line: string) => `${line}\r\nHost: ${HOST}\r\n\r\n`

const lengths: string[] = [
  ...[
    '',
    ' ',
    '-1',
    '-0',
    '+5',
    '0x5',
    '5 5',
    '5,5',
    '5, 5',
    '5,6',
    '5.0',
    '5e0',
    '5;',
    '"5"',
    'five',
    '5h',
    '\xb2',
    '\xa05',
    '5\x0b',
  ],
  ...['99999999999999999999', '9007199254740993', '18446744073709551621', '4294967296000000000005', '1'.repeat(1_000)],
]
/** No list of codings that ends in chunked, once. */
const malformedCodings = [
  ...[
    '',
    ' ',
    'identity',
    'gzip',
    'chunked, identity',
    'chunked, gzip',
    'chunked,',
    'chunked, ',
    'chunked;',
    'chunked;a=b',
    'chunkedx',
  ],
  ...[
    'chunked, chunked',
    'Chunked,CHUNKED',
    '"chunked"',
    "'chunked'",
    'chunked chunked',
    'chun ked',
    'chunked\x0b',
    '\x0bchunked',
  ],
  ...[
    'chunked\x00',
    '\x00chunked',
    'chunked\x0c',
    '\xa0chunked',
    'chunked\xa0',
    '\x85chunked',
    '\rchunked',
    'chunked\r',
    'chunked\n',
  ],
]
const otherCodings = [
  'identity, chunked',
  'gzip, chunked',
  'gzip,chunked',
  'deflate, gzip, chunked',
  'xchunked',
  ', chunked',
  'cow chunked',
]

tunnels(
  lengths.map((value) =>
    refusedHead(`Content-Length:${JSON.stringify(value.slice(0, 40))}`, withLines(`Content-Length:${value}`)),
  ),
)
const coding = (value: string) => `Transfer-Encoding: ${value}`
tunnels(malformedCodings.map((value) => refusedHead(JSON.stringify(coding(value)), withLines(coding(value)))))
tunnels(
  otherCodings.map((value) =>
    refusedHead(JSON.stringify(coding(value)), withLines(coding(value)), 501, 'TUN_ERR_NOT_IMPLEMENTED'),
  ),
)
tunnels([
  refusedHead('two Content-Length', withLines('Content-Length: 5', 'Content-Length: 6')),
  refusedHead('two Content-Length that agree', withLines('Content-Length: 5', 'Content-Length: 5')),
  refusedHead('two Content-Length in other letters', withLines('content-length: 0', 'X-A: 1', 'CONTENT-LENGTH: 5')),
  refusedHead('Content-Length, then Transfer-Encoding', withLines('Content-Length: 5', 'Transfer-Encoding: chunked')),
  refusedHead('Transfer-Encoding, then Content-Length', withLines('Transfer-Encoding: chunked', 'Content-Length: 5')),
  refusedHead('Content-Length: 0 with Transfer-Encoding', withLines('Content-Length: 0', 'Transfer-Encoding: chunked')),
  refusedHead(
    'Content-Length with a Transfer-Encoding in other letters',
    withLines('CONTENT-length:5', 'transfer-ENCODING:CHUNKED'),
  ),
  refusedHead('Transfer-Encoding twice', withLines('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')),
  refusedHead(
    'Transfer-Encoding, then identity',
    withLines('Transfer-Encoding: chunked', 'transfer-encoding: identity'),
  ),
  refusedHead(
    'identity, then Transfer-Encoding',
    withLines('Transfer-Encoding: identity', 'Transfer-Encoding: chunked'),
    501,
    'TUN_ERR_NOT_IMPLEMENTED',
  ),
  refusedHead(
    'Transfer-Encoding over HTTP/1.0',
    withLines('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0'),
  ),
  refusedHead('Transfer-Encoding, the name followed by a space', withLines('Transfer-Encoding : chunked')),
  refusedHead('Transfer-Encoding, the name followed by a tab', withLines('Transfer-Encoding\t: chunked')),
  refusedHead('Transfer-Encoding, the name after a space', withLines('X-A: 1', ' Transfer-Encoding: chunked')),
  refusedHead('Transfer-Encoding, the name after a control character', withLines('\x0bTransfer-Encoding: chunked')),
  refusedHead('Transfer-Encoding, folded behind the colon', withLines('Transfer-Encoding:', ' chunked')),
  refusedHead('Transfer-Encoding behind a bare LF', withLines('X-A: 1\nTransfer-Encoding: chunked')),
  refusedHead('Transfer-Encoding behind a bare CR', withLines('X-A: 1\rTransfer-Encoding: chunked')),
  refusedHead('Content-Length, the name followed by a space', withLines('Content-Length : 5')),
  refusedHead('Content-Length, folded', withLines('Content-Length: 1', ' 5')),
])

// Lines
tunnels([
  refusedHead('a folded line', withLines('X-A: 1', ' 2')),
  refusedHead('a line folded with a tab', withLines('X-A: 1', '\t2')),
  refusedHead('a folded line as the first one', `GET / HTTP/1.1\r\n Host: ${HOST}\r\n\r\n`),
  refusedHead('a line of spaces', withLines('X-A: 1', '  ')),
  refusedHead('nothing but LF', `GET / HTTP/1.1\nHost: ${HOST}\n\n`),
  refusedHead('nothing but CR', `GET / HTTP/1.1\rHost: ${HOST}\r\r`),
  refusedHead('LF behind the request line', `GET / HTTP/1.1\nHost: ${HOST}\r\n\r\n`),
  refusedHead('LF behind a header line', `GET / HTTP/1.1\r\nX-A: 1\nHost: ${HOST}\r\n\r\n`),
  refusedHead('LF behind the last header line', `GET / HTTP/1.1\r\nHost: ${HOST}\n\r\n`),
  refusedHead('LF as the empty line', `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\n`),
  refusedHead('CR CR LF', `GET / HTTP/1.1\r\r\nHost: ${HOST}\r\n\r\n`),
  refusedHead('CR CR LF as the empty line', `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\r\n\r\n`),
  refusedHead('LF CR', `GET / HTTP/1.1\r\nHost: ${HOST}\n\r\n\r`),
  refusedHead('CR inside a value', withLines('X-A: a\rb')),
  refusedHead('LF inside a value', withLines('X-A: a\nb')),
  refusedHead('a line without a colon', withLines('X-A')),
  refusedHead('a line without a name', withLines(': 1')),
  refusedHead('a space inside a name', withLines('X A: 1')),
  refusedHead('a space behind a name', withLines('X-A : 1')),
  refusedHead('a space behind Host', `GET / HTTP/1.1\r\nHost : ${HOST}\r\n\r\n`),
  ...[...'()<>@,;\\"/[]?={}', '\x00', '\x7f', '\x80', '\xe4', '\xa0'].map((byte) =>
    refusedHead(`${JSON.stringify(byte)} inside a name`, withLines(`X${byte}A: 1`)),
  ),
  ...Array.from({ length: 32 }, (_, code) => String.fromCharCode(code))
    .concat('\x7f')
    .filter((byte) => !'\t\r\n'.includes(byte))
    .map((byte) => refusedHead(`${JSON.stringify(byte)} inside a value`, withLines(`X-A: a${byte}b`))),
])

// Request lines
const startLines: Array<[line: string, status?: number, code?: string]> = [
  ['GET /'],
  ['GET'],
  [''.padEnd(8, '\x00')],
  [' GET / HTTP/1.1'],
  ['GET  / HTTP/1.1'],
  ['GET /  HTTP/1.1'],
  ['GET\t/ HTTP/1.1'],
  ['GET /\tHTTP/1.1'],
  ['GET / HTTP/1.1 '],
  ['GET / HTTP/1.1\t'],
  ['GET / HTTP/1.1 x'],
  ['GET / HTTP/1.1;'],
  ['GET /a b HTTP/1.1'],
  ['GET /a\tb HTTP/1.1'],
  ['GET /\x00 HTTP/1.1'],
  ['GET /\x01 HTTP/1.1'],
  ['GET /\x7f HTTP/1.1'],
  ['GET  HTTP/1.1'],
  ['GET HTTP/1.1'],
  ['/ HTTP/1.1'],
  ['GET / http/1.1'],
  ['GET / Http/1.1'],
  ['GET / HTTP/1.10'],
  ['GET / HTTP/01.1'],
  ['GET / HTTP/1.01'],
  ['GET / HTTP/1'],
  ['GET / HTTP/1.'],
  ['GET / HTTP/.1'],
  ['GET / HTTP/11'],
  ['GET / HTTP/1,1'],
  ['GET / HTTP/-1.1'],
  ['GET / HTTP/1.1.1'],
  ['GET / HTTP /1.1'],
  ['GET / HTTPS/1.1'],
  ['GET / ICY/1.1'],
  ['GET / HTTP/0.9', 505],
  ['GET / HTTP/1.2', 505],
  ['GET / HTTP/1.9', 505],
  ['GET / HTTP/2.0', 505],
  ['GET / HTTP/3.0', 505],
  ['GET / HTTP/9.9', 505],
  ['PRI * HTTP/2.0', 505],
  ['G(T / HTTP/1.1'],
  ['G:T / HTTP/1.1'],
  ['G\x00T / HTTP/1.1'],
  ['G\xe4T / HTTP/1.1'],
  ['"GET" / HTTP/1.1'],
  ['GET relative HTTP/1.1'],
  ['GET ?query HTTP/1.1'],
  ['GET #fragment HTTP/1.1'],
  ['GET * HTTP/1.1'],
  ['OPTIONS ** HTTP/1.1'],
  ['OPTIONS *?a HTTP/1.1'],
  ['GET \\ HTTP/1.1'],
  ['GET demo.localhost:80 HTTP/1.1'],
  ['GET //demo.localhost'],
  ['GET http:/demo.localhost/ HTTP/1.1'],
  ['GET http:///path HTTP/1.1'],
  ['GET http://other.localhost/ HTTP/1.1'],
  ['GET http://demo.localhost:80/ HTTP/1.1'],
  ['GET http://demo.localhost./ HTTP/1.1'],
  ['GET http://user@demo.localhost/ HTTP/1.1'],
  ['GET http://demo.localhost@other.localhost/ HTTP/1.1'],
  ['GET http://other.localhost\\@demo.localhost/ HTTP/1.1'],
  ['GET http://demo.localhost#fragment HTTP/1.1'],
  ['GET ftp://demo.localhost/ HTTP/1.1'],
  ['GET ws://demo.localhost/ HTTP/1.1'],
  ['GET http:demo.localhost/ HTTP/1.1'],
  ['CONNECT demo.localhost:80 HTTP/1.1', 405],
  ['CONNECT / HTTP/1.1', 405],
  ['CONNECT demo.localhost:80 HTTP/1.0', 405],
  ['TRACE / HTTP/1.1', 405],
  ['TRACE * HTTP/1.1', 405],
]
const codeOf: Record<number, string> = { 405: 'TUN_ERR_METHOD', 505: 'TUN_ERR_HTTP_VERSION' }
tunnels(
  startLines.map(([line, status = 400]) =>
    refusedHead(`the request line ${JSON.stringify(line)}`, startingWith(line), status, codeOf[status]),
  ),
)

// Host
const hostLines: Array<[name: string, lines: string[]]> = [
  ['no Host', ['X-A: 1']],
  ['two Hosts', [`Host: ${HOST}`, 'Host: other.localhost']],
  ['two Hosts, the second one ours', ['Host: other.localhost', `Host: ${HOST}`]],
  ['two Hosts that agree', [`Host: ${HOST}`, `hOST: ${HOST}`]],
  ['an empty Host and another', ['Host:', `Host: ${HOST}`]],
  ...[
    `${HOST}, other.localhost`,
    `${HOST} other.localhost`,
    `${HOST}/`,
    `${HOST}?`,
    `${HOST}#`,
    `${HOST}\\`,
    `user@${HOST}`,
    `${HOST}:80:80`,
    `${HOST}:port`,
    `${HOST}:-1`,
    `http://${HOST}`,
    `[${HOST}]`,
    `${HOST}\x00`,
    `${HOST}\xe4`,
    `"${HOST}"`,
  ].map((host): [string, string[]] => [`Host: ${JSON.stringify(host)}`, [`Host: ${host}`]]),
]
tunnels(hostLines.map(([name, lines]) => refusedHead(name, `GET / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)))

// Bodies. The head is fine and reaches the app at once; what follows breaks that off, and never looks complete.
const chunkedHead = request('POST /upload', ['Transfer-Encoding: chunked'])

function refusedBody(name: string, bad: string): Case {
  const steps: Step[] = [
    visitor.sends(chunkedHead),
    app.seesForwarded(chunkedHead),
    visitor.sends('2\r\nok\r\n'),
    app.seesExactly('2\r\nok\r\n'),
    visitor.sends(bad + smuggled),
    visitor.isRefused(400, BAD),
    visitor.seesEnd(),
    app.seesOver(),
  ]
  return [`refused: ${name}`, [...steps, visitor.comesAgain(), ...forwarded()]]
}

const sizes = [
  ...[
    '',
    ' ',
    ' 5',
    '\t5',
    '-1',
    '+5',
    '0x5',
    '0X5',
    '5h',
    'g',
    '5 5',
    '5,5',
    '5_0',
    '5.',
    '"5"',
    '\x005',
    '5\x00',
    '5\x0b',
    '\xb25',
    ';',
    ';a=b',
  ],
  ...[
    '-5',
    '--5',
    '0-5',
    'FFFFFFFFFFFFFFFFF',
    '10000000000000005',
    '100000005ffffffff00000005',
    '5\x01;a',
    '5;a\x00b',
    '5;a\x7f',
    '5;a\rb',
  ],
]
tunnels(sizes.map((size) => refusedBody(`the chunk size ${JSON.stringify(size)}`, `${size}\r\nhello\r\n0\r\n\r\n`)))
tunnels([
  refusedBody('LF behind a chunk size', '5\nhello\r\n0\r\n\r\n'),
  refusedBody('CR behind a chunk size', '5\rhello\r\n0\r\n\r\n'),
  refusedBody('CR CR LF behind a chunk size', '5\r\r\nhello\r\n0\r\n\r\n'),
  refusedBody('LF in a chunk extension', '5;a\nhello\r\n0\r\n\r\n'),
  refusedBody('LF in a quoted chunk extension', '5;a="\n"\r\nhello\r\n0\r\n\r\n'),
  refusedBody('a chunk extension of 5,000 bytes', `5;${'a'.repeat(5_000)}\r\nhello\r\n0\r\n\r\n`),
  refusedBody('a chunk without its line end', '5\r\nhello0\r\n\r\n'),
  refusedBody('LF behind a chunk', '5\r\nhello\n0\r\n\r\n'),
  refusedBody('CR behind a chunk', '5\r\nhello\r0\r\n\r\n'),
  refusedBody('a space behind a chunk', '5\r\nhello \r\n0\r\n\r\n'),
  refusedBody('a chunk longer than its size', '4\r\nhello\r\n0\r\n\r\n'),
  refusedBody('a chunk shorter than its size', '6\r\nhello\r\n0\r\n\r\n'),
  refusedBody('LF behind the last chunk', '0\n\r\n'),
  refusedBody('LF as the last empty line', '0\r\n\n'),
  refusedBody('CR LF behind the last chunk, and then a message', '0\r\n'),
  refusedBody('a trailer without a colon', '0\r\ntrailer\r\n\r\n'),
  refusedBody('a trailer without a name', '0\r\n: 1\r\n\r\n'),
  refusedBody('a trailer with a space behind its name', '0\r\nX-A : 1\r\n\r\n'),
  refusedBody('a folded trailer', '0\r\nX-A: 1\r\n 2\r\n\r\n'),
  refusedBody('LF behind a trailer', '0\r\nX-A: 1\n\r\n'),
  refusedBody('Content-Length in a trailer', '0\r\nContent-Length: 5\r\n\r\n'),
  refusedBody('Transfer-Encoding in a trailer', '0\r\nX-A: 1\r\ntransfer-encoding: chunked\r\n\r\n'),
  refusedBody('Host in a trailer', '0\r\nHost: b\r\n\r\n'),
  refusedBody('NUL in a trailer', '0\r\nX-A: \x00\r\n\r\n'),
  refusedBody('trailers of 20,000 bytes', `0\r\nX-A: ${'a'.repeat(20_000)}\r\n\r\n`),
])

// What is forwarded: as exactly one request, whose body is all that belongs to it.
function oneRequest(name: string, sent: string, arrives = sent): Case {
  return [
    `one request: ${name}`,
    [visitor.sends(sent), app.seesForwarded(arrives), app.sends(OK), visitor.seesExactly(OK), ...forwarded()],
  ]
}
const inside = `0\r\n\r\n${smuggled}`
const coded = chunked([inside])
tunnels([
  oneRequest(
    'a body with a length that holds another',
    request('POST /', [`Content-Length: ${inside.length}`], inside),
  ),
  oneRequest('a body in chunks that holds another', request('POST /', ['Transfer-Encoding: chunked'], coded)),
  oneRequest('a body of GET that holds another', request('GET /', [`Content-Length: ${inside.length}`], inside)),
  oneRequest(
    'Content-Length named by Connection',
    request('POST /', ['Connection: content-length', `Content-Length: ${inside.length}`], inside),
    request('POST /', [`Content-Length: ${inside.length}`], inside),
  ),
  oneRequest(
    'Transfer-Encoding named by Connection',
    request('POST /', ['Connection: Transfer-Encoding', 'Transfer-Encoding: chunked'], coded),
    request('POST /', ['Transfer-Encoding: chunked'], coded),
  ),
  oneRequest(
    'Host, cookies and credentials named by Connection',
    request('GET /', ['Connection: host, cookie, authorization', 'Cookie: a=b', 'Authorization: c']),
    request('GET /', ['Cookie: a=b', 'Authorization: c']),
  ),
  oneRequest(
    'an upgrade with a body',
    request('POST /', ['Connection: Upgrade', 'Upgrade: websocket', `Content-Length: ${inside.length}`], inside),
    request('POST /', [`Content-Length: ${inside.length}`], inside),
  ),
  oneRequest(
    'Expect: 100-continue and the body at once',
    request('POST /', ['Expect: 100-continue', `Content-Length: ${inside.length}`], inside),
  ),
  ...[
    'Transfer_Encoding: chunked',
    'X-Transfer-Encoding: chunked',
    'Content_Length: 99',
    'Transfer-Encodin: chunked',
    'TE: trailers',
  ].map((line) => oneRequest(`${line}, which frames nothing`, request('POST /', [line]))),
])
