import { type Case, conforms } from './conforms.js'
import { answer, chunked, everyByte, request } from './messages.js'
import type { Step } from './play.js'
import { app, exchange, visitor } from './steps.js'

/** The app, and whatever is in between, go on. */
const again = [visitor.comesAgain(), ...exchange(request('POST /again'))]

/** How far an exchange has come when the visitor leaves. */
const whileVisiting: Array<[when: string, steps: Step[]]> = [
  ['before the answer', [visitor.sends(request('GET /')), app.sees()]],
  [
    'behind an interim answer',
    [visitor.sends(request('GET /')), app.sees(), app.sends(answer('103 Hint', [])), visitor.sees()],
  ],
  ['behind the head of an upload', [visitor.sends(request('POST /', ['Content-Length: 10'])), app.sees()]],
  [
    'in the middle of an upload with a length',
    [visitor.sends(request('POST /', ['Content-Length: 10'], 'half;')), app.sees()],
  ],
  [
    'in the middle of an upload in chunks',
    [visitor.sends(request('POST /', ['Transfer-Encoding: chunked'], '5\r\nhalf;\r\n')), app.sees()],
  ],
  [
    'in the middle of a chunk',
    [visitor.sends(request('POST /', ['Transfer-Encoding: chunked'], '9\r\nhalf;')), app.sees()],
  ],
  [
    'in the middle of a download with a length',
    [
      visitor.sends(request('GET /')),
      app.sees(),
      app.sends(answer('200 OK', ['Content-Length: 10'], 'half;')),
      visitor.sees(),
    ],
  ],
  [
    'in the middle of a download in chunks',
    [
      visitor.sends(request('GET /')),
      app.sees(),
      app.sends(answer('200 OK', ['Transfer-Encoding: chunked'], '5\r\nhalf;\r\n')),
      visitor.sees(),
    ],
  ],
  [
    'in the middle of a download that ends with its connection',
    [visitor.sends(request('GET /')), app.sees(), app.sends(answer('200 OK', [], 'half;')), visitor.sees()],
  ],
  [
    'with bodies in both directions',
    [
      visitor.sends(request('POST /', ['Content-Length: 10'], 'half;')),
      app.sees(),
      app.sends(answer('200 OK', ['Content-Length: 10'], 'half;')),
      visitor.sees(),
    ],
  ],
]

/** What the app has sent when it breaks off. */
const halfAnswers: Array<[what: string, half: string]> = [
  ['a head with a length', answer('200 OK', ['Content-Length: 10'])],
  ['the middle of a body with a length', answer('200 OK', ['Content-Length: 10'], 'half;')],
  ['all but the last byte of 1 MiB', answer('200 OK', ['Content-Length: 1048576'], everyByte(4_096).slice(0, -1))],
  ['a head with chunks', answer('200 OK', ['Transfer-Encoding: chunked'])],
  ['the middle of a chunk', answer('200 OK', ['Transfer-Encoding: chunked'], '9\r\nhalf;')],
  ['a chunk', answer('200 OK', ['Transfer-Encoding: chunked'], '5\r\nhalf;\r\n')],
]
/** These are followed by bytes that say nothing by themselves, and need not arrive. */
const halfChunks: Array<[what: string, half: string, rest: string]> = [
  ['a chunk without its line end', '5\r\nhalf;', ''],
  ['the middle of a chunk size', '5\r\nhalf;\r\n', '1'],
  ['a last chunk without its empty line', '5\r\nhalf;\r\n', '0\r\n'],
  ['the middle of the trailers', '5\r\nhalf;\r\n', chunked([], ['X-Sum: 1', 'X-More: 2']).slice(0, -12)],
]

const get = [visitor.sends(request('GET /')), app.sees()]

conforms(
  whileVisiting.flatMap(([when, steps]): Case[] => [
    [`the visitor closes ${when}`, [...steps, visitor.ends(), app.seesOver(), ...again]],
    [`the visitor resets ${when}`, [...steps, visitor.resets(), app.seesOver(), ...again]],
  ]),
)
conforms(
  halfAnswers.flatMap(([what, half]): Case[] => [
    [
      `the app closes behind ${what}`,
      [...get, app.sends(half), visitor.sees(), app.ends(), visitor.seesOver(), ...again],
    ],
    [
      `the app resets behind ${what}`,
      [...get, app.sends(half), visitor.sees(), app.resets(), visitor.seesReset(), ...again],
    ],
  ]),
)
conforms(
  halfChunks.flatMap(([what, half, rest]): Case[] => {
    const head = answer('200 OK', ['Transfer-Encoding: chunked'])
    const steps = [...get, app.sends(head + half), visitor.sees(), ...(rest === '' ? [] : [app.sends(rest)])]
    return [
      [`the app closes behind ${what}`, [...steps, app.ends(), visitor.seesOver(), ...again]],
      [`the app resets behind ${what}`, [...steps, app.resets(), visitor.seesReset(), ...again]],
    ]
  }),
)
conforms([
  [
    'the app resets an answer that ends with its connection',
    [...get, app.sends(answer('200 OK', [], 'half;')), visitor.sees(), app.resets(), visitor.seesReset(), ...again],
  ],
  [
    'the app resets in the middle of an upload, behind the head of its answer',
    [
      visitor.sends(request('POST /', ['Content-Length: 10'], 'half;')),
      app.sees(),
      app.sends(answer('200 OK', ['Content-Length: 10'], 'half;')),
      visitor.sees(),
      app.resets(),
      visitor.seesReset(),
      ...again,
    ],
  ],
])
