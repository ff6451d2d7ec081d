import { type Case, conforms } from './conforms.js'
import { answer, chunked, everyByte, OK, request } from './messages.js'
import { app, exchange, next, visitor } from './steps.js'

const MIB = 1024 * 1024
const big = everyByte((5 * MIB) / 256)
/** What a reader that looks for the next message would take for one. */
const decoy = `0\r\n\r\n${request('GET /decoy')}${OK}`

const bodies: Array<[name: string, body: string]> = [
  ['of one byte', 'x'],
  ['of every byte', everyByte()],
  ['that looks like more messages', decoy],
  ['that is nothing but line ends', '\r\n'.repeat(100)],
  ['of 5 MiB', big],
]

const chunks: Array<[name: string, coded: string]> = [
  ['none', chunked([])],
  ['one', chunked(['hello'])],
  ['many', chunked(Array.from({ length: 1_000 }, (_, i) => `part ${i};`))],
  ['of one byte each', chunked([...everyByte()])],
  ['with capital hex and zeros in front', `00A\r\n0123456789\r\n000c\r\n0123456789ab\r\n0000\r\n\r\n`],
  ['with extensions', '5;a\r\nhello\r\n5 ; b = "c;\\"d"\r\nhello\r\n0;e=f\r\n\r\n'],
  ['that look like more messages', chunked([decoy, decoy])],
  ['of 1 MiB', chunked([big.slice(0, MIB), big.slice(0, 3 * MIB)])],
  ['with a trailer', chunked(['hello'], ['X-Sum: 1'])],
  ['with a trailer and no body', chunked([], ['X-Sum: 1'])],
  [
    'with many trailers, in their order, case and bytes',
    chunked(
      ['hello'],
      ['z: 1', 'A: 2', 'z: 3', 'X-Empty:', 'x-latin1: \xe4\xff  ', ...Array.from({ length: 200 }, (_, i) => `x: ${i}`)],
    ),
  ],
]

const CHUNKED = ['Trailer: X-Sum', 'Transfer-Encoding: chunked']
const answered = [app.sends(OK), visitor.sees(), ...next]
const asked = [visitor.sends(request('GET /')), app.sees()]

conforms(
  bodies.flatMap(([name, body]): Case[] => {
    const length = `Content-Length: ${body.length}`
    return [
      [
        `a request body with its length, ${name}`,
        [visitor.sends(request('POST /', [length], body)), app.sees(), ...answered],
      ],
      [
        `a body with its length, ${name}`,
        [...asked, app.sends(answer('200 OK', [length], body)), visitor.sees(), ...next],
      ],
      [
        `both bodies with their lengths, ${name}`,
        [...exchange(request('PUT /', [length], body), answer('200 OK', [length], body)), ...next],
      ],
      [
        `a body that ends with its connection, ${name}`,
        [...asked, app.sends(answer('200 OK', [], body)), visitor.sees(), app.ends(), visitor.seesEnd()],
      ],
    ]
  }),
)
conforms(
  chunks.flatMap(([name, coded]): Case[] => [
    [`a request body in chunks: ${name}`, [visitor.sends(request('POST /', CHUNKED, coded)), app.sees(), ...answered]],
    [`a body in chunks: ${name}`, [...asked, app.sends(answer('200 OK', CHUNKED, coded)), visitor.sees(), ...next]],
  ]),
)
conforms([
  [
    'a request body with its length, byte by byte',
    [visitor.dribbles(request('POST /', ['Content-Length: 256'], everyByte())), app.sees(), ...answered],
  ],
  [
    'a request body in chunks, with trailers, byte by byte',
    [
      visitor.dribbles(request('POST /', CHUNKED, chunked(['hello', everyByte()], ['X-Sum: 1']))),
      app.sees(),
      ...answered,
    ],
  ],
  [
    'a body with its length, byte by byte',
    [...asked, app.dribbles(answer('200 OK', ['Content-Length: 256'], everyByte())), visitor.sees(), ...next],
  ],
  [
    'a body in chunks, with trailers, byte by byte',
    [
      ...asked,
      app.dribbles(answer('200 OK', CHUNKED, chunked(['hello', everyByte()], ['X-Sum: 1']))),
      visitor.sees(),
      ...next,
    ],
  ],
  [
    'a body that ends with its connection, byte by byte',
    [...asked, app.dribbles(answer('200 OK', [], everyByte())), visitor.sees(), app.ends(), visitor.seesEnd()],
  ],
  [
    'an empty body that ends with its connection',
    [...asked, app.sends(answer('200 OK', [])), visitor.sees(), app.ends(), visitor.seesEnd()],
  ],
  ['Content-Length: 0', [...exchange(request('GET /'), answer('200 OK', ['Content-Length: 0'])), ...next]],
  [
    'how a length is written',
    [...exchange(request('GET /'), answer('200 OK', ['CONTENT-length:\t002 '], 'ok')), ...next],
  ],
  [
    'how chunked is written',
    [
      ...exchange(
        request('POST /', ['transfer-ENCODING:CHUNKED  '], chunked(['a'])),
        answer('200 OK', ['TRANSFER-encoding: \tChunked'], chunked(['b'])),
      ),
      ...next,
    ],
  ],
  ...['GET', 'HEAD', 'DELETE', 'OPTIONS'].map((method): Case => {
    const done = [app.sends(answer('200 OK', ['Content-Length: 0'])), visitor.sees(), ...next]
    return [
      `a large request body with ${method}`,
      [visitor.sends(request(`${method} /`, [`Content-Length: ${MIB}`], big.slice(0, MIB))), app.sees(), ...done],
    ]
  }),
])
