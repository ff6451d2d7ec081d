import { type Case, tunnels } from './conforms.js'
import { answer, chunked, OK, request } from './messages.js'
import type { Step } from './play.js'
import { app, forwarded, visitor } from './steps.js'

/** Behind everything that is wrong: no visitor may ever see it. */
const smuggled = answer('200 OK', ['Content-Length: 8'], 'smuggled')
const GET = request('GET /')
const UPGRADE = request('GET /', ['Connection: Upgrade', 'Upgrade: x'])
const get: Step[] = [visitor.sends(GET), app.seesForwarded(GET)]

/** A head that is no answer: the visitor gets 502, the app's connection is closed, and both go on. */
function refused(name: string, head: string, asked = get): Case {
  const steps = [app.sends(head + smuggled), visitor.isRefused(502, 'TUN_ERR_ORIGIN_RESET'), app.seesOver()]
  return [`refused: ${name}`, [...asked, ...steps, ...forwarded()]]
}

const statusLines = [
  ...[
    'garbage',
    '\x16\x03\x01\x00',
    '<html>hello</html>',
    'HTTP/1.1',
    'HTTP/1.1 ',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    ' HTTP/1.1 200 OK',
  ],
  ...[
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 000 OK',
    'HTTP/1.1 -20 OK',
    'HTTP/1.1 +20 OK',
    'HTTP/1.1 2x0 OK',
  ],
  ...[
    'HTTP/1.1 200OK',
    'HTTP/1.1 200\tOK',
    'HTTP/1.1 OK',
    'HTTP/1.1 200 a\x00b',
    'HTTP/1.1 200 a\x07b',
    'HTTP/1.1 200 a\x7fb',
    'HTTP/1.1 200 a\rb',
  ],
  ...[
    'HTTP/0.9 200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/2 200',
    'HTTP/1.10 200 OK',
    'HTTP/11 200 OK',
    'http/1.1 200 OK',
    'ICY 200 OK',
  ],
]
const lengths = [
  ...[
    '',
    '-1',
    '+5',
    '0x5',
    '5 5',
    '5, 5',
    '5,6',
    '5.0',
    '5;',
    '"5"',
    'five',
    '\xb2',
    '99999999999999999999',
    '9007199254740993',
  ],
]
const codings = [
  ...[
    '',
    'identity',
    'gzip',
    'gzip, chunked',
    'identity, chunked',
    'chunked, identity',
    'chunked, chunked',
    'chunked,',
    'xchunked',
    'chunkedx',
  ],
  ...['"chunked"', 'chunked;a=b', 'chunked\x0b', 'chunked\xa0', '\x00chunked'],
]
const withLines = (...lines: string[]) => answer('200 OK', lines, '5\r\nhello\r\n0\r\n\r\n')

tunnels(
  statusLines.map((line) =>
    refused(`the status line ${JSON.stringify(line)}`, `${line}\r\nContent-Length: 2\r\n\r\nok`),
  ),
)
tunnels(
  lengths.map((value) => refused(`Content-Length: ${JSON.stringify(value)}`, withLines(`Content-Length: ${value}`))),
)
tunnels(
  codings.map((value) =>
    refused(`Transfer-Encoding: ${JSON.stringify(value)}`, withLines(`Transfer-Encoding: ${value}`)),
  ),
)
tunnels([
  refused('two Content-Length', withLines('Content-Length: 5', 'Content-Length: 6')),
  refused('two Content-Length that agree', withLines('Content-Length: 5', 'content-length: 5')),
  refused('Content-Length with Transfer-Encoding', withLines('Content-Length: 5', 'Transfer-Encoding: chunked')),
  refused('Transfer-Encoding with Content-Length', withLines('transfer-encoding: CHUNKED', 'Content-Length: 5')),
  refused('Transfer-Encoding twice', withLines('Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')),
  refused('Transfer-Encoding over HTTP/1.0', withLines('Transfer-Encoding: chunked').replace('HTTP/1.1', 'HTTP/1.0')),
  refused('a folded line', withLines('X-A: 1', ' 2')),
  refused('a folded line as the first one', answer('200 OK', [' X-A: 1'])),
  refused('a line without a colon', withLines('X-A')),
  refused('a line without a name', withLines(': 1')),
  refused('a space inside a name', withLines('X A: 1')),
  refused('a space behind a name', withLines('X-A : 1')),
  refused('a space behind Content-Length', withLines('Content-Length : 5')),
  refused('a latin1 byte inside a name', withLines('X\xe4: 1')),
  refused('NUL inside a value', withLines('X-A: a\x00b')),
  refused('a control character inside a value', withLines('X-A: a\x1bb')),
  refused('CR inside a value', withLines('X-A: a\rb')),
  refused('LF inside a value', withLines('X-A: a\nb')),
  refused('nothing but LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'),
  refused('LF behind the status line', 'HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok'),
  refused('LF as the empty line', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok'),
  refused('a head of 300,000 bytes', answer('200 OK', [`X-A: ${'a'.repeat(300_000)}`])),
  refused(
    '101 without having been asked',
    answer('101 Switching Protocols', ['Connection: Upgrade', 'Upgrade: websocket']),
  ),
  refused('101 without Upgrade', answer('101 Switching Protocols', [])),
  refused('a malformed interim answer', answer('103 Early Hints', ['Link : a'])),
  refused(
    'an interim answer with chunks',
    answer('103 Early Hints', ['Transfer-Encoding: chunked', 'Content-Length: 1']),
  ),
])

tunnels([
  [
    'refused: two Content-Length to HEAD',
    [
      ...asking(request('HEAD /')),
      app.sends(answer('200 OK', ['Content-Length: 5', 'Content-Length: 6'])),
      visitor.isRefused(502, 'TUN_ERR_ORIGIN_RESET', 'HEAD'),
      app.seesOver(),
      ...forwarded(),
    ],
  ],
  [
    'refused: 101 to an upgrade without saying to what',
    [
      ...asking(UPGRADE),
      app.sends(answer('101 Switching Protocols', ['Connection: Upgrade']) + smuggled),
      visitor.isRefused(502, 'TUN_ERR_ORIGIN_RESET'),
      app.seesOver(),
      ...forwarded(),
    ],
  ],
])

// Heads that are fine with bodies that are not: the visitor's connection breaks, whatever it has got so far.
const CHUNKED = answer('200 OK', ['Transfer-Encoding: chunked'])
function brokenBody(name: string, bad: string): Case {
  return [
    `broken off: ${name}`,
    [
      ...get,
      app.sends(`${CHUNKED}2\r\nok\r\n`),
      visitor.seesExactly(`${CHUNKED}2\r\nok\r\n`),
      app.sends(bad + smuggled),
      visitor.seesReset(),
      app.seesOver(),
      visitor.comesAgain(),
      ...forwarded(),
    ],
  ]
}
const sizes = [
  '',
  ' 5',
  '-1',
  '+5',
  '0x5',
  '5h',
  'g',
  '5 5',
  '5.',
  '"5"',
  '\x005',
  '5\x00',
  ';a',
  'FFFFFFFFFFFFFFFFF',
  '10000000000000005',
  '5;a\x00b',
  '5;a\rb',
]
tunnels(sizes.map((size) => brokenBody(`the chunk size ${JSON.stringify(size)}`, `${size}\r\nhello\r\n0\r\n\r\n`)))
tunnels([
  brokenBody('LF behind a chunk size', '5\nhello\r\n0\r\n\r\n'),
  brokenBody('LF in a chunk extension', '5;a\nhello\r\n0\r\n\r\n'),
  brokenBody('a chunk without its line end', '5\r\nhello0\r\n\r\n'),
  brokenBody('a chunk longer than its size', '4\r\nhello\r\n0\r\n\r\n'),
  brokenBody('LF behind a chunk', '5\r\nhello\n0\r\n\r\n'),
  brokenBody('LF as the last empty line', '0\r\n\n'),
  brokenBody('a trailer without a colon', '0\r\ntrailer\r\n\r\n'),
  brokenBody('a folded trailer', '0\r\nX-A: 1\r\n 2\r\n\r\n'),
  brokenBody('Content-Length in a trailer', '0\r\nContent-Length: 5\r\n\r\n'),
  brokenBody('NUL in a trailer', '0\r\nX-A: \x00\r\n\r\n'),
])

// More than an answer holds: the rest is dropped with the connection to the app.
const more: Array<[name: string, request: string, answer: string]> = [
  ['a body with a length', GET, OK],
  ['Content-Length: 0', GET, answer('200 OK', ['Content-Length: 0'])],
  ['a last chunk', GET, answer('200 OK', ['Transfer-Encoding: chunked'], chunked(['ok']))],
  ['204', GET, answer('204 No Content', [])],
  ['204 with a length', GET, answer('204 No Content', ['Content-Length: 8'])],
  ['304', GET, answer('304 Not Modified', ['Content-Length: 8'])],
  ['an answer to HEAD', request('HEAD /'), answer('200 OK', ['Content-Length: 8'])],
  ['an answer in chunks to HEAD', request('HEAD /'), answer('200 OK', ['Transfer-Encoding: chunked'])],
  ['an upgrade that is refused', UPGRADE, OK],
]
for (const [what, extra] of [
  ['bytes', 'smuggled'],
  ['an answer', smuggled],
] as const) {
  tunnels(
    more.map(([name, sent, answered]) => [
      `${what} behind ${name}`,
      [...asking(sent), app.sends(answered + extra), visitor.seesExactly(answered), app.seesOver(), ...forwarded()],
    ]),
  )
}
tunnels([
  [
    'an answer to nothing, on a connection that is kept',
    [...forwarded(), app.sends(smuggled), app.seesOver(), ...forwarded()],
  ],
])

/** A request that reaches the app, an upgrade too. */
function asking(sent: string): Step[] {
  if (sent !== UPGRADE) return [visitor.sends(sent), app.seesForwarded(sent)]
  return [visitor.sends(sent), app.seesForwarded(GET, 'Connection: Upgrade\r\nUpgrade: x\r\n')]
}
