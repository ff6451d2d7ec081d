import { type Case, conforms } from './conforms.js'
import { answer, chunked, everyByte, OK, request } from './messages.js'
import { app, exchange, next, visitor } from './steps.js'

/** https://www.iana.org/assignments/http-methods, but for CONNECT and TRACE (differences.test.ts). */
const registered =
  'ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT COPY DELETE GET HEAD LABEL LINK LOCK MERGE MKACTIVITY MKCALENDAR MKCOL ' +
  'MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH ' +
  'UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE UPDATEREDIRECTREF VERSION-CONTROL *'
const unregistered = ['PURGE', 'get', 'Post', 'connect', 'CONNECTED', 'X', "!#$%&'*+-.^_`|~09", 'M'.repeat(300)]

/** Without a body, with a length, and in chunks. */
function withEveryBody(method: string): Case {
  const answered = answer('200 OK', ['Content-Length: 2'], method === 'HEAD' ? '' : 'ok')
  const bodies: Array<[lines: string[], body: string]> = [
    [[], ''],
    [['Content-Length: 4'], 'body'],
    [['Transfer-Encoding: chunked'], chunked(['bo', 'dy'])],
  ]
  const exchanges = bodies.flatMap(([lines, body]) => exchange(request(`${method} /m`, lines, body), answered))
  return [`the method ${method.slice(0, 40)}, without and with a body`, [...exchanges, ...next]]
}

const targets = [
  '/',
  '//',
  '///a//b///',
  '//other.example/path',
  '/a/../b/./c/',
  '/..',
  '/%2F%2e%2E%5C/',
  '/%00%0d%0a%zz%',
  '/a;b=c;d/e;',
  '/?',
  '/??',
  '/?a=b&c=d?e=f/g',
  '/?q=http://other.example/?x',
  '/a=b&c',
  '/a:80@b',
  '/a#fragment',
  '/#',
  '/{}|\\^`"<>',
  "/[]!$&'()*+,=~_-.",
  '/%E4%b8%ad',
  '/latin1/\xe4\xf6\xfc\xff\x80',
  '/utf-8/\xc3\xa4\xe2\x82\xac',
  '/*',
  '/http://demo.localhost/',
  `/${'long/'.repeat(1_600)}`,
  `/?${'q'.repeat(8_000)}`,
]

const fields: Array<[name: string, lines: string[]]> = [
  ['keep their order', ['B: 1', 'A: 2', 'C: 3', 'A: 4', 'B: 5']],
  ['keep their case', ['x-lower: 1', 'X-UPPER: 2', 'X-mIxEd: 3', 'ETag: 4', 'WWW-authenticate: 5']],
  ['may be repeated, in other letters too', ['X-A: 1', 'x-a: 2', 'X-A: 1', 'X-a: 1, 2']],
  ['may be empty', ['X-A:', 'X-B: ', 'X-C:\t', 'X-D:   \t ', 'X-E: e']],
  [
    'keep white space around and inside their values',
    ['X-A:tight', 'X-B:   wide  ', 'X-C:\ttab\t', 'X-D: a  b\tc ,  d'],
  ],
  [
    'keep every byte that a value may have',
    [`X-A: ${everyByte().slice(0x20, 0x7f)}`, `X-B: ${everyByte().slice(0x80)}`],
  ],
  ['keep every byte that a name may have', ["!#$%&'*+-.^_`|~: 1", '0123456789: 2', 'abcXYZ: 3', '-: 4']],
  ['may have long names', [`X-${'n'.repeat(8_000)}: 1`]],
  ['may have long values', [`X-A: ${'v'.repeat(30_000)}`]],
  ['may be many', Array.from({ length: 200 }, (_, i) => `X-${i}: ${i}`)],
  ['may be many of one name', Array.from({ length: 200 }, (_, i) => `X-A: ${i}`)],
  ['keep cookies as they are', ['Cookie: a=b; c="d"', 'Cookie: e=\xe4', 'Cookie:;;;']],
  ['keep credentials', ['Authorization: Basic dTpw', 'Proxy-Authorization: Basic dTpw', 'Cookie: session=1']],
  [
    'keep what is about caches and ranges',
    ['Range: bytes=0-', 'If-Match: "a", W/"b"', 'Cache-Control: no-cache', 'Pragma: x'],
  ],
  [
    'keep what browsers send',
    ['Origin: null', 'Sec-Fetch-Mode: cors', 'Accept-Encoding: gzip, br', 'Upgrade-Insecure-Requests: 1'],
  ],
  [
    'keep what other proxies have said',
    ['Via: 1.1 somewhere', 'X-Real-IP: 1.2.3.4', 'Max-Forwards: 0', 'X-Forwarded-Prefix: /a'],
  ],
  ['keep colons in values', ['X-A: :', 'X-B: a: b', 'X-C:: c']],
  ['keep TE: trailers', ['TE: trailers', 'Trailer: X-Sum']],
  ['keep Expect, and nobody answers for the app', ['Expect: 100-continue']],
  ['keep an Expect that nobody knows', ['Expect: the-unexpected']],
  ['keep Content-Length: 0', ['Content-Length: 0']],
  ['keep how a length is written', ['content-LENGTH:  0  ']],
  ['keep Content-Length with zeros in front', ['Content-Length: 000']],
]

const hosts = ['DEMO.localhost', 'demo.localhost:1', 'demo.localhost:', 'Demo.LocalHost.:65535', ' demo.localhost\t ']

conforms([...registered.split(' '), ...unregistered].map(withEveryBody))
conforms(
  targets.map((target) => [`the target ${target.slice(0, 40)}`, [...exchange(request(`GET ${target}`)), ...next]]),
)
conforms(fields.map(([name, lines]) => [`header fields ${name}`, [...exchange(request('GET /', lines)), ...next]]))
conforms(hosts.map((host) => [`the Host ${JSON.stringify(host)}`, exchange(`GET / HTTP/1.1\r\nHost:${host}\r\n\r\n`)]))
conforms([
  ['the target * of OPTIONS', [...exchange(request('OPTIONS *')), ...next]],
  ['Host as the last field, in other letters', exchange('GET / HTTP/1.1\r\nX-A: 1\r\nhOST:demo.localhost\r\n\r\n')],
  [
    'a request that comes byte by byte',
    [
      visitor.dribbles(request('POST /slow', ['X-A: \xff', 'Content-Length: 3'], 'abc')),
      app.sees(),
      app.sends(OK),
      visitor.sees(),
    ],
  ],
  [
    'a request that comes in two pieces, cut inside the empty line',
    [
      visitor.sends(request('GET /').slice(0, -3)),
      visitor.sends(request('GET /').slice(-3)),
      app.sees(),
      app.sends(OK),
      visitor.sees(),
    ],
  ],
])
