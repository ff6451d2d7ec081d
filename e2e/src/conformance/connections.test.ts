import { type Case, conforms } from './conforms.js'
import { answer, chunked, HOST, OK, request } from './messages.js'
import type { Step } from './play.js'
import { app, exchange, next, visitor } from './steps.js'

const old = (start: string, lines: string[] = [], body = '') =>
  request(start, lines, body).replace('HTTP/1.1', 'HTTP/1.0')
const oldAnswer = (start: string, lines: string[] = [], body = '') =>
  answer(start, lines, body).replace('HTTP/1.1', 'HTTP/1.0')
const numbered = (i: number) => answer('200 OK', [`X-Answer: ${i}`, 'Content-Length: 2'], 'ok')

/** All requests in one write; the app answers one after the other. */
function pipelined(requests: string[]): Step[] {
  return [
    visitor.sends(requests.join('')),
    ...requests.flatMap((one, i) => [app.sees(one), app.sends(numbered(i)), visitor.sees()]),
    ...next,
  ]
}

const gets = (count: number) => Array.from({ length: count }, (_, i) => request(`GET /${i}`))
const posts = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    i % 2 === 0
      ? request(`POST /${i}`, ['Content-Length: 300'], `${i};`.padEnd(300, 'x'))
      : request(`POST /${i}`, ['Transfer-Encoding: chunked'], chunked([`${i};`.repeat(50)], ['X-Sum: 1'])),
  )

const CLOSE = answer('200 OK', ['Content-Length: 2', 'Connection: close'], 'ok')
const closing = [app.ends(), visitor.seesEnd()]

conforms([
  [
    '20 requests on one connection',
    Array.from({ length: 20 }, (_, i) => exchange(request(`GET /${i}`), numbered(i))).flat(),
  ],
  ...[2, 10, 100].map((count): Case => [`${count} pipelined requests`, pipelined(gets(count))]),
  ...[2, 10, 100].map((count): Case => [`${count} pipelined requests with bodies`, pipelined(posts(count))]),
  [
    'pipelined requests of more than 64 KiB',
    pipelined(posts(30).concat(request('PUT /', ['Content-Length: 200000'], 'x'.repeat(200_000)), gets(3))),
  ],
  [
    'pipelined requests behind an upload of 1 MiB',
    pipelined([request('PUT /', ['Content-Length: 1048576'], 'x'.repeat(1_048_576)), ...gets(3)]),
  ],
  [
    'a pipelined request whose end comes later',
    [
      visitor.sends(request('GET /1') + request('GET /2').slice(0, 20)),
      app.sees(request('GET /1')),
      visitor.sends(request('GET /2').slice(20)),
      app.sends(OK),
      visitor.sees(),
      app.sees(),
      app.sends(OK),
      visitor.sees(),
    ],
  ],
  [
    'a pipelined HEAD between others',
    [
      visitor.sends(request('GET /1') + request('HEAD /2') + request('GET /3')),
      app.sees(request('GET /1')),
      app.sends(OK),
      visitor.sees(),
      app.sees(request('HEAD /2')),
      app.sends(answer()),
      visitor.sees(),
      app.sees(),
      app.sends(OK),
      visitor.sees(),
    ],
  ],
  ['Connection: close in the request', [...exchange(request('GET /', ['Connection: close']), CLOSE), ...closing]],
  ['Connection: CLOSE among others', [...exchange(request('GET /', ['Connection: x-a, CLOSE']), CLOSE), ...closing]],
  [
    'Connection: keep-alive with HTTP/1.1',
    [...exchange(request('GET /', ['Connection: keep-alive', 'Keep-Alive: timeout=5'])), ...next],
  ],
  [
    'Keep-Alive in the answer',
    [
      ...exchange(
        request('GET /'),
        answer('200 OK', ['Keep-Alive: timeout=5, max=100', 'Connection: Keep-Alive', 'Content-Length: 2'], 'ok'),
      ),
      ...next,
    ],
  ],
  [
    'an app that closes after each answer, while the visitor stays',
    [...exchange(request('GET /', ['Connection: close']), CLOSE), ...closing, visitor.comesAgain(), ...exchange()],
  ],

  // HTTP/1.0 visitors
  ['a visitor of HTTP/1.0, a body with its length', [...exchange(old('GET /'), CLOSE), ...closing]],
  [
    'a visitor of HTTP/1.0, a body that ends with its connection',
    [...exchange(old('GET /'), answer('200 OK', ['Connection: close'], 'all')), ...closing],
  ],
  ['a visitor of HTTP/1.0 with a body', [...exchange(old('POST /', ['Content-Length: 4'], 'body'), CLOSE), ...closing]],
  [
    'HEAD of HTTP/1.0',
    [...exchange(old('HEAD /'), answer('200 OK', ['Content-Length: 2', 'Connection: close'])), ...closing],
  ],
  [
    'a visitor of HTTP/1.0 that keeps its connection',
    Array.from({ length: 3 }, () =>
      exchange(
        old('GET /', ['Connection: keep-alive']),
        answer('200 OK', ['Content-Length: 2', 'Connection: keep-alive'], 'ok'),
      ),
    ).flat(),
  ],
  [
    'a visitor of HTTP/1.0 that pipelines',
    [
      visitor.sends(old('GET /1', ['Connection: keep-alive']) + old('GET /2')),
      app.sees(old('GET /1', ['Connection: keep-alive'])),
      app.sends(answer('200 OK', ['Content-Length: 2', 'Connection: keep-alive'], 'ok')),
      visitor.sees(),
      app.sees(),
      app.sends(CLOSE),
      visitor.sees(),
      ...closing,
    ],
  ],

  // HTTP/1.0 apps
  [
    'an app of HTTP/1.0, a body with its length',
    exchange(request('GET /'), oldAnswer('200 OK', ['Content-Length: 2'], 'ok')),
  ],
  [
    'an app of HTTP/1.0, a body that ends with its connection',
    [...exchange(request('GET /'), oldAnswer('200 OK', [], 'all')), ...closing],
  ],
  [
    'an app of HTTP/1.0 that keeps its connection',
    [
      ...exchange(request('GET /'), oldAnswer('200 OK', ['Content-Length: 2', 'Connection: keep-alive'], 'ok')),
      ...next,
    ],
  ],
  ['an app of HTTP/1.0 answers HEAD', exchange(request('HEAD /'), oldAnswer('200 OK', ['Content-Length: 200']))],
  ['an app of HTTP/1.0 answers 304', exchange(request('GET /'), oldAnswer('304 Not Modified'))],
  ['both of HTTP/1.0', [...exchange(old('GET /'), oldAnswer('200 OK', ['Content-Type: a/b'], 'all')), ...closing]],
  [
    'a visitor of HTTP/1.0 that keeps nothing, in capitals',
    [...exchange(`GET / HTTP/1.0\r\nHOST: ${HOST}\r\n\r\n`, CLOSE), ...closing],
  ],
])
