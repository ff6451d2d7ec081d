import { type Case, conforms } from './conforms.js'
import { answer, chunked, everyByte, OK, request } from './messages.js'
import type { Step } from './play.js'
import { app, exchange, next, visitor } from './steps.js'

const asking = (protocol = 'bytes/1', lines: string[] = []) =>
  request('GET /', [`Upgrade: ${protocol}`, 'Connection: Upgrade', ...lines])
const accepting = (protocol = 'bytes/1', lines: string[] = []) =>
  answer('101 Switching Protocols', [`Upgrade: ${protocol}`, 'Connection: Upgrade', ...lines])

const asked = (text = asking()) => [visitor.sends(text), app.sees()]
const upgraded = (ask = asking(), accept = accepting()) => [...asked(ask), app.sends(accept), visitor.sees()]
const says = (text: string) => [visitor.sends(text), app.sees()]
const hears = (text: string) => [app.sends(text), visitor.sees()]
/** Raw bytes of every kind, both ways, before the connection is ended by both. */
const talk = [...says(everyByte()), ...hears(everyByte()), ...says(request('GET /not-http')), ...hears(OK)]
const ended = [visitor.ends(), app.seesEnd(), app.ends(), visitor.seesEnd()]
const again = [visitor.comesAgain(), ...exchange(request('POST /again'))]

const MIB = everyByte(4_096)
const WEBSOCKET = [
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: a, b',
]
const ACCEPTED = ['Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=', 'Sec-WebSocket-Protocol: b']

const protocols = ['bytes/1', 'WebSocket', 'h2c', 'TLS/1.0', 'IRC/6.9, RTA/x11', 'x']
const requests: Array<[what: string, text: string]> = [
  ['other letters', 'GET / HTTP/1.1\r\nhost: demo.localhost\r\nCONNECTION: upgrade\r\nupgrade: x\r\n\r\n'],
  ['other options of Connection', request('GET /', ['Connection: keep-alive, Upgrade', 'Upgrade: x'])],
  ['Connection twice', request('GET /', ['Connection: keep-alive', 'Upgrade: x', 'Connection: UPGRADE'])],
  ['Content-Length: 0', asking('x', ['Content-Length: 0'])],
  ['a method other than GET', asking('x').replace('GET', 'OPTIONS')],
  ['a method of its own', asking('x').replace('GET', 'SPEAK')],
  ['many fields around', request('GET /', ['A: 1', 'Upgrade: x', 'B: 2', 'Connection: Upgrade', 'C: 3'])],
]
const refusals: Array<[what: string, text: string, closes?: boolean]> = [
  ['401 with a body', answer('401 Unauthorized', ['WWW-Authenticate: Basic', 'Content-Length: 2'], 'no')],
  [
    '403 in chunks, with trailers',
    answer('403 Forbidden', ['Transfer-Encoding: chunked'], chunked(['n', 'o'], ['X-Sum: 1'])),
  ],
  ['404 without a body', answer('404 Not Found', ['Content-Length: 0'])],
  ['426', answer('426 Upgrade Required', ['Content-Length: 2'], 'no')],
  [
    '426 that says what it wants',
    answer('426 Upgrade Required', ['Upgrade: a/2, b', 'Connection: upgrade', 'Content-Length: 2'], 'no'),
  ],
  ['302', answer('302 Found', ['Location: /elsewhere', 'Content-Length: 0'])],
  ['304', answer('304 Not Modified')],
  ['200, the app knowing nothing of upgrades', OK],
  ['200 with Connection: close', answer('200 OK', ['Connection: close', 'Content-Length: 2'], 'ok')],
  ['200 and a body that ends with its connection', answer('200 OK', [], 'all'), true],
  ['500 and a body of 1 MiB', answer('500 Oops', [`Content-Length: ${MIB.length}`], MIB)],
]

const cut: Array<[when: string, steps: Step[]]> = [
  ['at once', []],
  ['behind some bytes', [...says('one'), ...hears('two')]],
  ['after the other side has ended', [app.ends(), visitor.seesEnd()]],
]

conforms(
  protocols.map((protocol) => [
    `an upgrade to ${protocol}`,
    [...upgraded(asking(protocol), accepting(protocol)), ...talk, ...ended],
  ]),
)
conforms(
  requests.map(([what, text]) => [`an upgrade with ${what}`, [...upgraded(text, accepting('x')), ...talk, ...ended]]),
)
conforms(
  refusals.map(
    ([what, text, closes]): Case => [
      `an upgrade that is refused with ${what}`,
      [...asked(), app.sends(text), visitor.sees(), ...(closes ? [app.ends(), visitor.seesEnd()] : next)],
    ],
  ),
)
conforms([
  ['a WebSocket', [...upgraded(asking('websocket', WEBSOCKET), accepting('websocket', ACCEPTED)), ...talk, ...ended]],
  [
    'another protocol than the one that was asked for, another reason',
    [...upgraded(asking('a, b'), answer('101 \xe4', ['Connection: upgrade', 'UPGRADE: B/2'])), ...talk, ...ended],
  ],
  [
    '103 before 101',
    [...asked(), ...hears(answer('103 Early Hints', ['Link: <a>'])), ...hears(accepting()), ...talk, ...ended],
  ],
  ['bytes right behind the 101', [...asked(), app.sends(accepting() + everyByte()), visitor.sees(), ...talk, ...ended]],
  [
    'bytes right behind the request',
    [
      visitor.sends(asking() + everyByte()),
      app.sees(asking()),
      app.sends(accepting()),
      visitor.sees(),
      app.sees(),
      ...talk,
      ...ended,
    ],
  ],
  [
    'many bytes right behind the request',
    [
      visitor.sends(asking() + MIB),
      app.sees(asking()),
      app.sends(accepting()),
      visitor.sees(),
      app.sees(),
      ...talk,
      ...ended,
    ],
  ],
  [
    'a request right behind the one that asks for an upgrade, which is refused',
    [
      visitor.sends(asking() + request('GET /2')),
      app.sees(asking()),
      app.sends(OK),
      visitor.sees(),
      app.sees(),
      app.sends(OK),
      visitor.sees(),
    ],
  ],
  ['an upgrade on a connection that was used before', [...exchange(), ...next, ...upgraded(), ...talk, ...ended]],
  [
    'an upgrade on a connection where one was refused',
    [...asked(), app.sends(OK), visitor.sees(), ...upgraded(), ...talk, ...ended],
  ],
  [
    'a 101 that comes byte by byte',
    [...asked(), app.dribbles(`${accepting()}and more`), visitor.sees(), ...talk, ...ended],
  ],
  [
    'raw bytes one by one',
    [...upgraded(), visitor.dribbles(everyByte()), app.sees(), app.dribbles(everyByte()), visitor.sees(), ...ended],
  ],
  ['1 MiB each way', [...upgraded(), ...says(MIB), ...hears(MIB), ...ended]],
  ['1 MiB each way at once', [...upgraded(), visitor.sends(MIB), app.sends(MIB), app.sees(), visitor.sees(), ...ended]],
  [
    'bytes and the end in one',
    [
      ...upgraded(),
      visitor.sends(MIB),
      visitor.ends(),
      app.sees(),
      app.seesEnd(),
      ...hears(MIB),
      app.ends(),
      visitor.seesEnd(),
    ],
  ],
  [
    'the visitor ends first and still hears',
    [...upgraded(), visitor.ends(), app.seesEnd(), ...hears('one'), ...hears(MIB), app.ends(), visitor.seesEnd()],
  ],
  [
    'the app ends first and still hears',
    [...upgraded(), app.ends(), visitor.seesEnd(), ...says('one'), ...says(MIB), visitor.ends(), app.seesEnd()],
  ],
  [
    'the app ends right behind its 101',
    [
      ...asked(),
      app.sends(accepting()),
      app.ends(),
      visitor.sees(),
      visitor.seesEnd(),
      ...says('one'),
      visitor.ends(),
      app.seesEnd(),
    ],
  ],
  ['an Upgrade without Connection', [...exchange(request('GET /', ['Upgrade: h2c'])), ...next]],
  ['Connection: Upgrade without Upgrade', [...exchange(request('GET /', ['Connection: Upgrade'])), ...next]],
  [
    'an Upgrade: h2c that the app ignores',
    [...exchange(request('GET /', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'])), ...next],
  ],
  [
    'a 426 to a plain request',
    [
      ...exchange(
        request('GET /'),
        answer('426 Upgrade Required', ['Connection: Upgrade', 'Upgrade: TLS/1.0', 'Content-Length: 2'], 'no'),
      ),
      ...next,
    ],
  ],
  [
    'an answer that offers an upgrade',
    [...exchange(request('GET /'), answer('200 OK', ['Upgrade: h2c', 'Content-Length: 2'], 'ok')), ...next],
  ],
])
conforms(
  cut.flatMap(([when, steps]): Case[] => [
    [
      `the visitor resets an upgraded connection ${when}`,
      [...upgraded(), ...steps, visitor.resets(), app.seesReset(), ...again],
    ],
  ]),
)
conforms(
  cut
    .slice(0, 2)
    .flatMap(([when, steps]): Case[] => [
      [
        `the app resets an upgraded connection ${when}`,
        [...upgraded(), ...steps, app.resets(), visitor.seesReset(), ...again],
      ],
    ]),
)
conforms([
  [
    'the app resets after the visitor has ended',
    [...upgraded(), visitor.ends(), app.seesEnd(), app.resets(), visitor.seesReset(), ...again],
  ],
  ['the visitor leaves before it knows whether', [...asked(), visitor.resets(), app.seesOver(), ...again]],
  [
    'the visitor leaves in the middle of a refusal',
    [
      ...asked(),
      app.sends(answer('401 No', ['Content-Length: 9'], 'no')),
      visitor.sees(),
      visitor.resets(),
      app.seesOver(),
      ...again,
    ],
  ],
])
