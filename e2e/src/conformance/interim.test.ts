import { conforms } from './conforms.js'
import { answer, chunked, OK, request } from './messages.js'
import type { Step } from './play.js'
import { app, next, visitor } from './steps.js'

const interim = (start: string, lines: string[] = []): Step[] => [app.sends(answer(start, lines)), visitor.sees()]
const expecting = (framing = 'Content-Length: 4') => [
  visitor.sends(request('POST /', ['Expect: 100-continue', framing])),
  app.sees(),
]
const asked = [visitor.sends(request('GET /')), app.sees()]
const body = [visitor.sends('body'), app.sees()]
const done = [app.sends(OK), visitor.sees(), ...next]

const HINTS = ['Link: </a.css>; rel=preload', 'link: </b.js>; rel="preload"', 'X-Empty:', 'X-Latin1: \xe4']
const refusal = (start: string, lines: string[] = []) => [
  app.sends(answer(start, ['Content-Length: 2', ...lines], 'no')),
  visitor.sees(),
]

conforms([
  ['the visitor sends its body once the app says 100', [...expecting(), ...interim('100 Continue'), ...body, ...done]],
  [
    'the visitor sends its chunks once the app says 100',
    [
      ...expecting('Transfer-Encoding: chunked'),
      ...interim('100 Continue'),
      visitor.sends(chunked(['bo', 'dy'], ['X-Sum: 1'])),
      app.sees(),
      ...done,
    ],
  ],
  [
    'the visitor sends its body without waiting for 100',
    [...expecting(), ...body, ...interim('100 Continue'), ...done],
  ],
  ['the visitor sends its body without ever getting 100', [...expecting(), ...body, ...done]],
  ['the app says 100 twice', [...expecting(), ...interim('100 Continue'), ...interim('100 Go on'), ...body, ...done]],
  ['the app says 100 without being asked', [...asked, ...interim('100 Continue'), ...done]],
  ...['413 Content Too Large', '417 Expectation Failed', '401 Unauthorized', '200 OK'].map(
    (start): [string, Step[]] => [
      `the app answers ${start.slice(0, 3)} at once and closes: the visitor is spared the upload`,
      [
        ...expecting('Content-Length: 1000000000'),
        ...refusal(start, ['Connection: close']),
        app.ends(),
        visitor.seesEnd(),
      ],
    ],
  ),
  [
    'the app answers 413 at once and reads on: the visitor may send what it has said',
    [...expecting(), ...refusal('413 Content Too Large'), ...body, ...next],
  ],
  ['102 with fields', [...asked, ...interim('102 Processing', ['X-Step: 1']), ...done]],
  ['103 with fields', [...asked, ...interim('103 Early Hints', HINTS), ...done]],
  [
    '104, 150 and 199, which nobody knows',
    ['104 ', '150 \xe4', '199 A b'].flatMap((start) => [...asked, ...interim(start), ...done]),
  ],
  [
    'several, in their order',
    [
      ...expecting(),
      ...interim('102 Processing'),
      ...interim('100 Continue'),
      ...interim('103 Early Hints', HINTS),
      ...body,
      ...interim('102 Processing', ['X-Step: 2']),
      ...interim('103 Early Hints'),
      ...done,
    ],
  ],
  [
    'several in one write with the answer',
    [...asked, app.sends(answer('103 Early Hints', HINTS) + answer('102 ', []) + OK), visitor.sees(), ...next],
  ],
  [
    '20 in a row',
    [...asked, ...Array.from({ length: 20 }, (_, i) => interim('102 Processing', [`X-Step: ${i}`])).flat(), ...done],
  ],
  [
    'before an answer to HEAD',
    [
      visitor.sends(request('HEAD /')),
      app.sees(),
      ...interim('103 Early Hints', HINTS),
      app.sends(answer()),
      visitor.sees(),
      ...next,
    ],
  ],
  [
    'before 304',
    [...asked, ...interim('103 Early Hints', HINTS), app.sends(answer('304 Not Modified')), visitor.sees(), ...next],
  ],
  [
    'before an answer that ends with its connection',
    [
      ...asked,
      ...interim('103 Early Hints', HINTS),
      app.sends(answer('200 OK', [], 'all')),
      visitor.sees(),
      app.ends(),
      visitor.seesEnd(),
    ],
  ],
  ['with Connection: close', [...asked, ...interim('103 Early Hints', [...HINTS, 'Connection: close']), ...done]],
])
