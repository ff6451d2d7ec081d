import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Difference, differs } from './conforms.js'
import { differences as hidden, listedDifferences } from './differences.js'
import { answer, chunked, HOST, OK, request } from './messages.js'
import type { Step } from './play.js'
import { app, forwarded, visitor } from './steps.js'

const GET = request('GET /')
const old = (text: string) => text.replace('HTTP/1.1', 'HTTP/1.0')
const REFUSED = 'TUN_ERR_ORIGIN_RESET'

/** As it was sent. */
const same = (sent: string, answered = OK): Step[] => [
  visitor.sends(sent),
  app.seesExactly(sent),
  app.sends(answered),
  visitor.seesExactly(answered),
]
/** The app sees something else. */
const arrivesAs = (sent: string, seen: string): Step[] => [
  visitor.sends(sent),
  app.seesForwarded(seen),
  app.sends(OK),
  visitor.seesExactly(OK),
]
/** The visitor sees something else. */
const answeredWith = (answered: string, seen: string, sent = GET, forwardedAs = sent): Step[] => [
  visitor.sends(sent),
  app.seesForwarded(forwardedAs),
  app.sends(answered),
  visitor.seesExactly(seen),
]
const refused = (sent: string, status: number, code: string): Step[] => [
  visitor.sends(sent),
  visitor.isRefused(status, code),
  visitor.seesEnd(),
  visitor.comesAgain(),
  ...forwarded(),
]
const get = { direct: [visitor.sends(GET), app.seesExactly(GET)], tunnel: [visitor.sends(GET), app.seesForwarded(GET)] }

const spoofed = ['For: 1.2.3.4', 'proto: https', 'HOST: a', 'Port: 1']
const spoofing = request('GET /', [
  'A: 1',
  ...spoofed.flatMap((field) => [`X-Forwarded-${field}`, `x_forwarded_${field}`, `X-Forwarded_${field}`]),
  'Forwarded: for=1.2.3.4',
  'B: 2',
])
const HOPS = [
  'Connection: close-not, X-Hop',
  'A: 1',
  'x-hop: 1',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: x',
  'Upgrade: h2c',
]
const hopping = request('GET /', [...HOPS, 'TE: gzip', 'B: 2'])
const hoppingAnswer = answer('200 OK', [...HOPS, 'Content-Length: 2'], 'ok')
const reliable = ['Content-Length: 1', 'Cookie: a=b', 'Authorization: c', 'TE: trailers', 'Trailer: d']
const RELY = 'Connection: host, content-length, cookie, authorization, te, trailer, a'
const relying = request('POST /', [RELY, ...reliable, 'A: 1'], 'x')
const relied = request('POST /', reliable, 'x')
const UPGRADING = ['Connection: keep-alive, upgrade', 'Upgrade: x']
const upgrade = request('POST /', ['Connection: Upgrade', 'Upgrade: x', 'Content-Length: 4'], 'body')
const upload = request('POST /', ['Content-Length: 8'], 'half')
const CLOSES = answer('403 Forbidden', ['Content-Length: 2', 'Connection: close'], 'no')
const CHUNKED = answer(
  '200 OK',
  ['Trailer: X-Sum', 'Transfer-Encoding: chunked'],
  chunked(['hello', 'world'], ['X-Sum: 1']),
)

/** Both behave as `same` directly and as `tunnel` through the tunnel. */
function differing(entry: string, name: string, sent: string, tunnel: Step[]): Difference {
  return { entry, name, direct: same(sent), tunnel }
}

const absolute: Array<[target: string, seen: string]> = [
  [`http://${HOST}/path?q`, '/path?q'],
  [`https://${HOST}/`, '/'],
  [`HTTP://${HOST.toUpperCase()}//a/../b`, '//a/../b'],
  [`http://${HOST}`, '/'],
  [`http://${HOST}?q`, '/?q'],
  [`http://${HOST}/\xe4`, '/\xe4'],
]

/** Breaks off behind `half`: the visitor is told so. */
const brokenOff = (name: string, half: string): Difference[] =>
  (['ends', 'resets'] as const).map((way) => ({
    entry: 'Broken answers',
    name: `the app ${way} ${name}`,
    direct: [
      ...get.direct,
      ...(half === '' ? [] : [app.sends(half), visitor.seesExactly(half)]),
      app[way](),
      way === 'ends' ? visitor.seesEnd() : visitor.seesReset(),
    ],
    tunnel: [
      ...get.tunnel,
      ...(half === '' ? [] : [app.sends(half)]),
      app[way](),
      visitor.isRefused(502, REFUSED),
      ...forwarded(),
    ],
  }))

const table: Difference[] = [
  differing('Forwarding fields', 'the app learns who asked', GET, arrivesAs(GET, GET)),
  differing(
    'Forwarding fields',
    'what the visitor says of itself is left out',
    spoofing,
    arrivesAs(spoofing, request('GET /', ['A: 1', 'B: 2'])),
  ),

  differing('Hop-by-hop fields', 'of a request', hopping, arrivesAs(hopping, request('GET /', ['A: 1', 'B: 2']))),
  differing('Hop-by-hop fields', 'but not what the app relies on', relying, arrivesAs(relying, relied)),
  {
    entry: 'Hop-by-hop fields',
    name: 'of an answer',
    direct: same(GET, hoppingAnswer),
    tunnel: answeredWith(hoppingAnswer, answer('200 OK', ['A: 1', 'Content-Length: 2'], 'ok')),
  },
  {
    entry: 'Hop-by-hop fields',
    name: 'of an interim answer',
    direct: same(GET, answer('103 Hint', ['Connection: X-Hop', 'X-Hop: 1', 'Link: a'])),
    tunnel: answeredWith(
      answer('103 Hint', ['Connection: X-Hop', 'X-Hop: 1', 'Link: a']),
      answer('103 Hint', ['Link: a']),
    ),
  },
  {
    entry: 'Hop-by-hop fields',
    name: 'of an upgrade',
    direct: same(request('GET /', [...UPGRADING, 'A: 1']), answer('101 Go', [...UPGRADING, 'B: 1'])),
    tunnel: [
      visitor.sends(request('GET /', [...UPGRADING, 'A: 1'])),
      app.seesForwarded(request('GET /', ['A: 1']), 'Connection: Upgrade\r\nUpgrade: x\r\n'),
      app.sends(answer('101 Go', [...UPGRADING, 'B: 1'])),
      visitor.seesExactly(answer('101 Go', ['B: 1', 'Connection: Upgrade', 'Upgrade: x'])),
    ],
  },
  {
    entry: 'Hop-by-hop fields',
    name: 'of a 426',
    direct: same(GET, answer('426 Upgrade', [...UPGRADING, 'Content-Length: 0'])),
    tunnel: answeredWith(
      answer('426 Upgrade', [...UPGRADING, 'Content-Length: 0']),
      answer('426 Upgrade', ['Content-Length: 0', 'Connection: Upgrade', 'Upgrade: x']),
    ),
  },

  {
    entry: 'Connection of answers',
    name: "the app closes its connection, the visitor's goes on",
    direct: [...same(GET, CLOSES), app.ends(), visitor.seesEnd()],
    tunnel: [
      ...answeredWith(CLOSES, answer('403 Forbidden', ['Content-Length: 2'], 'no')),
      app.ends(),
      app.seesEnd(),
      ...forwarded(),
      app.hasConnections(2),
    ],
  },
  {
    entry: 'Connection of answers',
    name: "the visitor wants its connection closed, the app's goes on",
    direct: same(request('GET /', ['Connection: close'])),
    tunnel: [
      ...answeredWith(
        OK,
        answer('200 OK', ['Content-Length: 2', 'Connection: close'], 'ok'),
        request('GET /', ['Connection: close']),
        GET,
      ),
      visitor.seesEnd(),
      visitor.comesAgain(),
      ...forwarded(),
      app.hasConnections(1),
    ],
  },
  {
    entry: 'Connection of answers',
    name: 'the end of the connection ends the body',
    direct: [...same(GET, answer('200 OK', ['A: 1'], 'all')), app.ends(), visitor.seesEnd()],
    tunnel: [
      ...answeredWith(answer('200 OK', ['A: 1'], 'all'), answer('200 OK', ['A: 1', 'Connection: close'], 'all')),
      app.ends(),
      visitor.seesEnd(),
    ],
  },
  {
    entry: 'Connection of answers',
    name: 'a visitor of HTTP/1.0 keeps its connection',
    direct: same(old(request('GET /', ['Connection: keep-alive']))),
    tunnel: [
      ...answeredWith(
        OK,
        answer('200 OK', ['Content-Length: 2', 'Connection: keep-alive'], 'ok'),
        old(request('GET /', ['Connection: keep-alive'])),
        GET,
      ),
      ...forwarded(),
    ],
  },

  ...absolute.map(([target, seen]) => {
    const sent = request(`GET ${target}`)
    return differing('Absolute form', target, sent, arrivesAs(sent, request(`GET ${seen}`)))
  }),
  differing(
    'Absolute form',
    'OPTIONS of a whole server',
    request(`OPTIONS http://${HOST}`),
    arrivesAs(request(`OPTIONS http://${HOST}`), request('OPTIONS *')),
  ),
  differing(
    'Absolute form',
    'another host than that of Host',
    request('GET http://other/'),
    refused(request('GET http://other/'), 400, 'TUN_ERR_BAD_REQUEST'),
  ),

  {
    entry: 'Versions',
    name: 'a visitor of HTTP/1.0',
    direct: same(old(GET)),
    tunnel: [
      ...answeredWith(OK, answer('200 OK', ['Content-Length: 2', 'Connection: close'], 'ok'), old(GET), GET),
      visitor.seesEnd(),
    ],
  },
  {
    entry: 'Versions',
    name: 'an app of HTTP/1.0',
    direct: same(GET, old(OK)),
    tunnel: [...answeredWith(old(OK), OK), app.seesOver(), ...forwarded()],
  },
  {
    entry: 'Versions',
    name: 'chunks and trailers to a visitor of HTTP/1.0',
    direct: same(old(GET), CHUNKED),
    tunnel: [
      ...answeredWith(CHUNKED, answer('200 OK', ['Trailer: X-Sum', 'Connection: close'], 'helloworld'), old(GET), GET),
      visitor.seesEnd(),
    ],
  },
  {
    entry: 'Versions',
    name: 'interim answers to a visitor of HTTP/1.0',
    direct: same(old(GET), answer('103 Hint', ['A: 1']) + OK),
    tunnel: answeredWith(
      answer('103 Hint', ['A: 1']) + OK,
      answer('200 OK', ['Content-Length: 2', 'Connection: close'], 'ok'),
      old(GET),
      GET,
    ),
  },

  {
    entry: 'Status lines',
    name: 'without a space behind the status',
    direct: same(GET, OK.replace('200 OK', '200')),
    tunnel: answeredWith(OK.replace('200 OK', '200'), OK.replace('200 OK', '200 ')),
  },

  {
    entry: 'Chunks',
    name: 'extensions of a request',
    direct: same(request('POST /', ['Transfer-Encoding: chunked'], '05;a="b"\r\nhello\r\n000;c\r\n\r\n')),
    tunnel: arrivesAs(
      request('POST /', ['Transfer-Encoding: chunked'], '05;a="b"\r\nhello\r\n000;c\r\n\r\n'),
      request('POST /', ['Transfer-Encoding: chunked'], chunked(['hello'])),
    ),
  },
  {
    entry: 'Chunks',
    name: 'extensions of an answer',
    direct: same(GET, answer('200 OK', ['Transfer-Encoding: chunked'], '0A;a="b"\r\nhelloworld\r\n000;c\r\n\r\n')),
    tunnel: answeredWith(
      answer('200 OK', ['Transfer-Encoding: chunked'], '0A;a="b"\r\nhelloworld\r\n000;c\r\n\r\n'),
      answer('200 OK', ['Transfer-Encoding: chunked'], chunked(['helloworld'])),
    ),
  },

  differing(
    'Upgrades with a body',
    'with a length',
    upgrade,
    arrivesAs(upgrade, request('POST /', ['Content-Length: 4'], 'body')),
  ),
  {
    entry: 'Upgrades with a body',
    name: 'over HTTP/1.0',
    direct: same(old(request('GET /', ['Connection: Upgrade', 'Upgrade: x']))),
    tunnel: answeredWith(
      OK,
      answer('200 OK', ['Content-Length: 2', 'Connection: close'], 'ok'),
      old(request('GET /', ['Connection: Upgrade', 'Upgrade: x'])),
      GET,
    ),
  },

  differing(
    'Refused requests',
    'CONNECT',
    request('CONNECT a:1'),
    refused(request('CONNECT a:1'), 405, 'TUN_ERR_METHOD'),
  ),
  differing('Refused requests', 'TRACE', request('TRACE /'), refused(request('TRACE /'), 405, 'TUN_ERR_METHOD')),
  differing(
    'Refused requests',
    'a transfer coding',
    request('POST /', ['Transfer-Encoding: gzip, chunked'], chunked(['x'])),
    refused(request('POST /', ['Transfer-Encoding: gzip, chunked'], chunked(['x'])), 501, 'TUN_ERR_NOT_IMPLEMENTED'),
  ),
  differing(
    'Refused requests',
    'a version',
    GET.replace('1.1', '2.0'),
    refused(GET.replace('1.1', '2.0'), 505, 'TUN_ERR_HTTP_VERSION'),
  ),
  differing(
    'Refused requests',
    'all of bad-requests.test.ts',
    GET.replace('\r\n', '\n'),
    refused(GET.replace('\r\n', '\n'), 400, 'TUN_ERR_BAD_REQUEST'),
  ),
  {
    entry: 'Refused answers',
    name: 'all of bad-answers.test.ts',
    direct: same(GET, OK.replace('\r\n', '\n')),
    tunnel: [
      ...get.tunnel,
      app.sends(OK.replace('\r\n', '\n')),
      visitor.isRefused(502, REFUSED),
      app.seesOver(),
      ...forwarded(),
    ],
  },

  differing('Empty lines', 'in front of a request', `\r\n\r\n${GET}`, arrivesAs(`\r\n\r\n${GET}`, GET)),
  differing('Empty lines', 'between requests', `${GET}\r\n`, [...arrivesAs(`${GET}\r\n`, GET), ...forwarded()]),
  {
    entry: 'Empty lines',
    name: 'in front of an answer',
    direct: same(GET, `\r\n${OK}`),
    tunnel: answeredWith(`\r\n${OK}`, OK),
  },

  {
    entry: 'Connections',
    name: 'two visitors over one connection',
    direct: [...same(GET), visitor.comesAgain(), ...same(GET), app.hasConnections(2)],
    tunnel: [...forwarded(), visitor.comesAgain(), ...forwarded(), app.hasConnections(1)],
  },
  {
    entry: 'Connections',
    name: 'pipelined requests one at a time',
    direct: same(GET + request('GET /2'), OK + OK),
    tunnel: [
      visitor.sends(GET + request('GET /2')),
      app.seesForwarded(GET),
      app.sends(OK),
      visitor.seesExactly(OK),
      app.seesForwarded(request('GET /2')),
      app.sends(OK),
      visitor.seesExactly(OK),
    ],
  },

  ...['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].flatMap((method): Difference[] => {
    const sent = request(`${method} /repeated`)
    const answered = method === 'HEAD' ? answer() : OK
    return (['ends', 'resets'] as const).map((way) => ({
      entry: 'Repeats',
      name: `${method} on a kept connection that the app ${way}`,
      direct: [
        ...same(GET),
        visitor.sends(sent),
        app.seesExactly(sent),
        app[way](),
        way === 'ends' ? visitor.seesEnd() : visitor.seesReset(),
      ],
      tunnel: [
        ...forwarded(),
        visitor.sends(sent),
        app.seesForwarded(sent),
        app[way](),
        app.seesForwarded(sent),
        app.hasConnections(2),
        app.sends(answered),
        visitor.seesExactly(answered),
      ],
    }))
  }),

  {
    entry: 'Leaving',
    name: 'the visitor ends its sending side and waits for the answer',
    direct: [...get.direct, visitor.ends(), app.seesEnd(), app.sends(OK), visitor.seesExactly(OK)],
    tunnel: [...get.tunnel, visitor.ends(), app.seesOver(), visitor.seesOver(), visitor.comesAgain(), ...forwarded()],
  },

  {
    entry: 'Early answers',
    name: 'an app that closes gets no more of the upload',
    direct: [...same(upload, CLOSES), visitor.sends('rest'), app.seesExactly('rest'), app.ends(), visitor.seesEnd()],
    tunnel: [
      ...answeredWith(CLOSES, CLOSES, upload),
      visitor.seesEnd(),
      app.seesOver(),
      visitor.sends('rest'),
      visitor.comesAgain(),
      ...forwarded(),
    ],
  },

  ...brokenOff('before the head', ''),
  ...brokenOff('in the middle of the head', 'HTTP/1.1 200 OK\r\nContent-Le'),
  ...brokenOff('behind the head, without the empty line', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'),
  {
    entry: 'Broken answers',
    name: 'the app ends behind an interim answer',
    direct: [
      ...get.direct,
      app.sends(answer('103 Hint', [])),
      visitor.seesExactly(answer('103 Hint', [])),
      app.ends(),
      visitor.seesEnd(),
    ],
    tunnel: [
      ...get.tunnel,
      app.sends(answer('103 Hint', [])),
      visitor.seesExactly(answer('103 Hint', [])),
      app.ends(),
      visitor.isRefused(502, REFUSED),
      ...forwarded(),
    ],
  },
  {
    entry: 'Broken answers',
    name: 'the app ends in the middle of a body',
    direct: [...same(GET, OK.slice(0, -1)), app.ends(), visitor.seesEnd()],
    tunnel: [...answeredWith(OK.slice(0, -1), OK.slice(0, -1)), app.ends(), visitor.seesReset()],
  },
  {
    entry: 'Broken answers',
    name: 'POST on a kept connection that the app ends',
    direct: [...same(GET), ...[visitor.sends(upload), app.seesExactly(upload)], app.ends(), visitor.seesEnd()],
    tunnel: [
      ...forwarded(),
      visitor.sends(upload),
      app.seesForwarded(upload),
      app.ends(),
      visitor.isRefused(502, REFUSED),
      visitor.seesEnd(),
    ],
  },

  differing(
    'Limits',
    'a request head of 70,000 bytes',
    request('GET /', [`X-A: ${'a'.repeat(70_000)}`]),
    refused(request('GET /', [`X-A: ${'a'.repeat(70_000)}`]), 431, 'TUN_ERR_HEAD_TOO_LARGE'),
  ),
  differing(
    'Limits',
    'a request of 300 header lines',
    request('GET /', Array(300).fill('A: 1')),
    refused(request('GET /', Array(300).fill('A: 1')), 431, 'TUN_ERR_HEAD_TOO_LARGE'),
  ),
  differing(
    'Limits',
    'a target of 20,000 bytes',
    request(`GET /${'a'.repeat(20_000)}`),
    refused(request(`GET /${'a'.repeat(20_000)}`), 414, 'TUN_ERR_URI_TOO_LONG'),
  ),
  {
    entry: 'Limits',
    name: 'an answer whose head has 300,000 bytes',
    direct: same(GET, answer('200 OK', [`X-A: ${'a'.repeat(300_000)}`, 'Content-Length: 0'])),
    tunnel: [
      ...get.tunnel,
      app.sends(answer('200 OK', [`X-A: ${'a'.repeat(300_000)}`, 'Content-Length: 0'])),
      visitor.isRefused(502, REFUSED),
      app.seesOver(),
      ...forwarded(),
    ],
  },
]

differs(table)

/** What needs another kind of app, or another agent, is shown by tests of its own. */
const elsewhere: Array<[entry: string, file: string, test: string]> = [
  ['Another Host', 'host-header.test.ts', 'only what names the app is mapped'],
  [
    'Apps over TLS',
    'origin-tls.test.ts',
    'over TLS, an answer that ends with its connection is complete with close_notify',
  ],
  [
    'Apps on Unix sockets',
    'origin-unix.test.ts',
    'a WebSocket goes through a Unix socket; when the visitor breaks off',
  ],
]

test('each difference that docs/protocol.md lists is shown here, and each one shown is listed', () => {
  const shown = new Set([...table, ...elsewhere.map(([entry]) => ({ entry }))].map(({ entry }) => entry))
  assert.deepEqual([...shown].sort(), listedDifferences().sort())
  for (const name of Object.keys(hidden)) assert.ok(shown.has(name), `the comparison hides what is not listed: ${name}`)
  for (const [entry, file, name] of elsewhere) {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), 'utf8')
    assert.ok(source.includes(`test('${name}`), `${entry} is not shown in ${file}`)
  }
})
