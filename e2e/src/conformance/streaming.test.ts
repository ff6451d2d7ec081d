import { conforms } from './conforms.js'
import { answer, chunked, everyByte, OK, request } from './messages.js'
import type { Step } from './play.js'
import { app, exchange, next, visitor } from './steps.js'

/** Each part has arrived before the next one is sent. */
const uploads = (parts: string[]) => parts.flatMap((part) => [visitor.sends(part), app.sees()])
const downloads = (parts: string[]) => parts.flatMap((part) => [app.sends(part), visitor.sees()])
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

const asked = [visitor.sends(request('GET /')), app.sees()]
const uploading = (framing = 'Transfer-Encoding: chunked') => [visitor.sends(request('POST /', [framing])), app.sees()]
const answering = (lines: string[]) => [app.sends(answer('200 OK', lines)), visitor.sees()]
const done = [app.sends(OK), visitor.sees(), ...next]
const CHUNKED = ['Transfer-Encoding: chunked']
const EVENTS = ['Content-Type: text/event-stream', ...CHUNKED]

/** Says something and hears it back, before either says more. */
const echoes = (count: number): Step[] =>
  numbers(count).flatMap((i) => [
    visitor.sends(chunk(`question ${i}`)),
    app.sees(),
    app.sends(chunk(`answer ${i}`)),
    visitor.sees(),
  ])

conforms([
  [
    'events arrive one by one',
    [...asked, ...answering(EVENTS), ...downloads(numbers(50).map((i) => chunk(`data: ${i}\n\n`)))].concat(
      downloads(['0\r\n\r\n']),
      next,
    ),
  ],
  [
    'events that end with their connection',
    [
      ...asked,
      ...answering(['Content-Type: text/event-stream']),
      ...downloads(numbers(50).map((i) => `data: ${i}\n\n`)),
      app.ends(),
      visitor.seesEnd(),
    ],
  ],
  [
    'a body with a length arrives as it comes',
    [...asked, ...answering(['Content-Length: 256']), ...downloads([...everyByte()]), ...next],
  ],
  [
    'a request body with a length arrives as it comes',
    [...uploading('Content-Length: 256'), ...uploads([...everyByte()]), ...done],
  ],
  [
    'a request body in chunks arrives as it comes',
    [...uploading(), ...uploads(numbers(50).map((i) => chunk(`${i}`))), ...uploads(['0\r\n\r\n']), ...done],
  ],
  [
    'a chunk arrives before it is complete',
    [...uploading(), ...uploads(['5\r\nh', 'el', 'lo']), ...uploads(['\r\n0\r\n\r\n']), ...done],
  ],
  [
    'a chunk of an answer arrives before it is complete',
    [...asked, ...answering(CHUNKED), ...downloads(['5\r\nh', 'el', 'lo']), ...downloads(['\r\n0\r\n\r\n']), ...next],
  ],
  [
    'a head arrives before any of its body',
    [...asked, ...answering(['Content-Length: 2']), ...downloads(['ok']), ...next],
  ],
  [
    'a head of a request arrives before any of its body',
    [...uploading('Content-Length: 4'), ...uploads(['body']), ...done],
  ],
  [
    'a long poll: an answer that comes only after something else has happened',
    [...asked, visitor.comesAgain(), ...exchange(request('POST /event')), ...exchange(request('GET /poll'))],
  ],
  [
    'bodies in both directions at once, in chunks',
    [
      ...uploading(),
      ...answering(CHUNKED),
      ...echoes(50),
      ...uploads(['0\r\n\r\n']),
      ...downloads(['0\r\n\r\n']),
      ...next,
    ],
  ],
  [
    'bodies in both directions at once, the answer is over first',
    [
      ...uploading(),
      ...answering(CHUNKED),
      ...echoes(5),
      ...downloads(['0\r\n\r\n']),
      ...uploads([chunk('more'), '0\r\n\r\n']),
      ...next,
    ],
  ],
  [
    'bodies in both directions at once, the answer ends with its connection',
    [
      ...uploading(),
      ...answering([]),
      ...numbers(20).flatMap((i) => [
        visitor.sends(chunk(`question ${i}`)),
        app.sees(),
        app.sends(`answer ${i}`),
        visitor.sees(),
      ]),
      ...uploads(['0\r\n\r\n']),
      ...downloads(['the last words']),
      app.ends(),
      visitor.seesEnd(),
    ],
  ],
  [
    'bodies in both directions at once, with lengths',
    [
      ...uploading('Content-Length: 50'),
      ...answering(['Content-Length: 50']),
      ...numbers(50).flatMap((i) => [visitor.sends(`${i % 10}`), app.sees(), app.sends(`${i % 10}`), visitor.sees()]),
      ...next,
    ],
  ],
  [
    'trailers in both directions at once',
    [
      ...uploading(),
      ...answering(CHUNKED),
      ...echoes(2),
      ...uploads([chunked([], ['X-Up: 1'])]),
      ...downloads([chunked([], ['X-Down: 1'])]),
      ...next,
    ],
  ],
  [
    'an early answer, and the upload goes on',
    [
      ...uploading('Content-Length: 8'),
      ...uploads(['half']),
      app.sends(OK),
      visitor.sees(),
      ...uploads(['rest']),
      ...next,
    ],
  ],
  [
    'an early answer in chunks, and the upload goes on',
    [
      ...uploading(),
      ...uploads([chunk('half')]),
      app.sends(OK),
      visitor.sees(),
      ...uploads([chunk('rest'), '0\r\n\r\n']),
      ...next,
    ],
  ],
  [
    'an early answer before any of the body, and the upload of 1 MiB comes whole',
    [
      ...uploading('Content-Length: 1048576'),
      app.sends(OK),
      visitor.sees(),
      ...uploads(['x'.repeat(1_048_576)]),
      ...next,
    ],
  ],
  [
    'an early answer, and a pipelined request behind the upload',
    [
      ...uploading('Content-Length: 4'),
      app.sends(OK),
      visitor.sees(),
      visitor.sends(`body${request('GET /behind')}`),
      app.sees('body'),
      app.sees(),
      app.sends(OK),
      visitor.sees(),
    ],
  ],
  [
    'an answer that is refused in the middle of an upload, and the connection closes',
    [
      ...uploading('Content-Length: 1000000'),
      ...uploads(['some']),
      app.sends(answer('403 Forbidden', ['Content-Length: 2', 'Connection: close'], 'no')),
      visitor.sees(),
      app.ends(),
      visitor.seesEnd(),
    ],
  ],
])
