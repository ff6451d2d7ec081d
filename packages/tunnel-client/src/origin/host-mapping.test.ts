import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HostMapping } from './host-mapping.js'
import { authority, originTarget, type TargetInput } from './target.js'

/** What the edge makes of a visit to https://demo.example.com:8443. */
const REQUEST =
  'GET / HTTP/1.1\r\nHost: localhost:3000\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n' +
  'X-Forwarded-Host: demo.example.com:8443\r\nX-Forwarded-Port: 8443\r\n'

/** `host` undefined: rewrite, the app's own address. */
function mapping(input: TargetInput, host?: string): HostMapping {
  const target = originTarget(input)
  return new HostMapping(host ?? authority(target), target)
}

function mapLine(map: HostMapping, line: string, request = REQUEST): string {
  const start = 'HTTP/1.1 302 Found\r\nDate: now\r\n'
  const end = '\r\nContent-Length: 0\r\n'
  const mapped = map.responseHead(start + line + end, request)
  assert.ok(mapped.startsWith(start) && mapped.endsWith(end), mapped)
  return mapped.slice(start.length, -end.length)
}

const atPort = mapping({ port: 3000 })
const elsewhere = mapping({ port: 3000 }, 'App.Internal.test')
const withDefaultPort = mapping({ url: 'http://app.test' })
const overTls = mapping({ url: 'https://app.test' })
const six = mapping({ url: 'http://[fd00::1]:3000' })
const unix = mapping({ unix: '/run/app.sock' })

const PUBLIC = 'https://demo.example.com:8443'
const mapped: Array<[HostMapping, string, string]> = [
  [atPort, 'Location: http://localhost:3000/login?next=/', `Location: ${PUBLIC}/login?next=/`],
  [atPort, 'location:https://LocalHost:3000', `location:${PUBLIC}`],
  [atPort, 'LOCATION: \tHTTP://localhost:3000?q#f ', `LOCATION: \t${PUBLIC}?q#f `],
  [atPort, 'Location: //localhost:3000/a//b', 'Location: //demo.example.com:8443/a//b'],
  [atPort, 'Location: http://127.0.0.1:3000/', `Location: ${PUBLIC}/`],
  [atPort, 'Location: http://[::1]:3000/', `Location: ${PUBLIC}/`],
  [atPort, 'Content-Location: http://localhost:3000/x', `Content-Location: ${PUBLIC}/x`],
  [atPort, 'Refresh: 5; url=http://localhost:3000/x', `Refresh: 5; url=${PUBLIC}/x`],
  [atPort, "Refresh: 0,URL = 'http://localhost:3000/x'", `Refresh: 0,URL = '${PUBLIC}/x'`],
  [elsewhere, 'Location: http://app.internal.test/x', `Location: ${PUBLIC}/x`],
  [elsewhere, 'Location: https://app.internal.test:443/x', `Location: ${PUBLIC}/x`],
  [elsewhere, 'Location: http://APP.internal.TEST:80/x', `Location: ${PUBLIC}/x`],
  [elsewhere, 'Location: http://app.internal.test:/x', `Location: ${PUBLIC}/x`],
  [elsewhere, 'Location: http://localhost:3000/x', `Location: ${PUBLIC}/x`],
  [elsewhere, 'Location: http://127.0.0.1:3000/x', `Location: ${PUBLIC}/x`],
  [withDefaultPort, 'Location: http://app.test/x', `Location: ${PUBLIC}/x`],
  [overTls, 'Location: //app.test/x', 'Location: //demo.example.com:8443/x'],
  [six, 'Location: http://[FD00::1]:3000/x', `Location: ${PUBLIC}/x`],
  [unix, 'Location: http://localhost/x', `Location: ${PUBLIC}/x`],
  [atPort, 'Set-Cookie: a=b; Domain=localhost; Path=/', 'Set-Cookie: a=b; Domain=demo.example.com; Path=/'],
  [atPort, 'set-cookie: a=b;DOMAIN = .LOCALHOST ;Secure', 'set-cookie: a=b;DOMAIN = .demo.example.com ;Secure'],
  [atPort, 'Set-Cookie: a=b; domain=127.0.0.1', 'Set-Cookie: a=b; domain=demo.example.com'],
  [elsewhere, 'Set-Cookie: a=b; Domain=app.internal.test', 'Set-Cookie: a=b; Domain=demo.example.com'],
  [elsewhere, 'Set-Cookie: a=b; Domain=.internal.test; x', 'Set-Cookie: a=b; Domain=.demo.example.com; x'],
]
for (const [map, line, expected] of mapped) {
  test(`${JSON.stringify(line)} becomes ${JSON.stringify(expected)}`, () => assert.equal(mapLine(map, line), expected))
}

const kept: Array<[HostMapping, string]> = [
  [atPort, 'Location: /login'],
  [atPort, 'Location: http://localhost:3001/'],
  [atPort, 'Location: http://localhost/'],
  [atPort, 'Location: http://localhost.example.com:3000/'],
  [atPort, 'Location: http://user@localhost:3000/'],
  [atPort, 'Location: ftp://localhost:3000/'],
  [atPort, 'Location: http:/localhost:3000/'],
  [atPort, 'Location: https://other.test/?back=http://localhost:3000/'],
  [atPort, 'X-Location: http://localhost:3000/'],
  [atPort, 'Link: <http://localhost:3000/a.css>'],
  [atPort, 'Refresh: 5'],
  [atPort, 'Refresh: 5; url=/x'],
  [elsewhere, 'Location: https://app.internal.test:80/'],
  [elsewhere, 'Location: http://internal.test/'],
  [elsewhere, 'Set-Cookie: a=b; Domain=other.internal.test'],
  [elsewhere, 'Set-Cookie: a=b; Domain=nternal.test'],
  [six, 'Set-Cookie: a=b; Domain=::1]'],
  [mapping({ url: '192.0.2.7:3000' }), 'Set-Cookie: a=b; Domain=2.7'],
  [atPort, 'Set-Cookie: Domain=localhost'],
  [atPort, 'Set-Cookie: a=b; Domain=; Domain; Domains=localhost; x-Domain=localhost'],
  [atPort, 'Set-Cookie: a=b; Domain=localhost:3000'],
  [atPort, 'Set-Cookie: a="x; Path=/" \t; ; EXPIRES=Thu, 01 Jan 1970 00:00:00 GMT;'],
]
for (const [map, line] of kept) {
  test(`${JSON.stringify(line)} stays as it is`, () => assert.equal(mapLine(map, line), line))
}

test('every line of a head is looked at, and order, case and repeats are kept', () => {
  const head =
    'HTTP/1.1 302 Found\r\nSet-Cookie: a=1; Domain=localhost\r\nX: localhost:3000\r\nset-cookie: b=2\r\n' +
    'Set-Cookie: a=1; domain=.localhost\r\nLocation: http://localhost:3000/\r\nSet-Cookie: a=1; Domain=localhost\r\n'
  assert.equal(
    atPort.responseHead(head, REQUEST),
    'HTTP/1.1 302 Found\r\nSet-Cookie: a=1; Domain=demo.example.com\r\nX: localhost:3000\r\nset-cookie: b=2\r\n' +
      `Set-Cookie: a=1; domain=.demo.example.com\r\nLocation: ${PUBLIC}/\r\nSet-Cookie: a=1; Domain=demo.example.com\r\n`,
  )
})

const unknown: Array<[string, string]> = [
  ['no X-Forwarded-Host', 'GET / HTTP/1.1\r\nHost: localhost:3000\r\nX-Forwarded-Proto: https\r\n'],
  ['no X-Forwarded-Proto', 'GET / HTTP/1.1\r\nHost: localhost:3000\r\nX-Forwarded-Host: demo.test\r\n'],
  ['a host that is none', REQUEST.replace('demo.example.com', 'evil.test/?')],
  ['a list of hosts', REQUEST.replace('demo.example.com', 'evil.test, demo.example.com')],
  ['another scheme', REQUEST.replace('https', 'javascript')],
]
for (const [what, request] of unknown) {
  test(`with ${what} in the request nothing is mapped`, () => {
    const line = 'Location: http://localhost:3000/'
    assert.equal(mapLine(atPort, line, request), line)
  })
}

const hostLines: Array<[string, string]> = [
  ['Host: demo.example.com', 'Host: localhost:3000'],
  ['hOsT:demo.example.com:8443', 'hOsT:localhost:3000'],
  ['HOST:\t  [::1]:80 \t', 'HOST:\t  localhost:3000 \t'],
]
for (const [before, after] of hostLines) {
  test(`a request with ${JSON.stringify(before)} keeps all but the value`, () => {
    const head = (line: string) =>
      `GET /?host:=x HTTP/1.1\r\nX-Host: a\r\n${line}\r\nX-Forwarded-Host: demo.example.com\r\nHostess: b\r\n`
    assert.equal(atPort.requestHead(head(before)), head(after))
  })
}

test('a value with a dollar sign is no pattern', () => {
  const map = mapping({ port: 3000 }, '$&$1')
  assert.equal(map.requestHead('GET / HTTP/1.1\r\nHost: a\r\n'), 'GET / HTTP/1.1\r\nHost: $&$1\r\n')
})

test('whatever the app sends, lines that name somebody else stay as they are, and so does all around what is mapped', () => {
  const value = fc.string({ unit: fc.constantFrom(...'ab;=, \t/:.?"\'', 'Domain', 'url', 'http://', 'other.test') })
  const name = fc.constantFrom('Location', 'content-location', 'Refresh', 'Set-Cookie', 'X-Other')
  const lines = fc.array(fc.tuple(name, value).map(([field, text]) => `${field}: ${text}\r\n`))
  fc.assert(
    fc.property(lines, lines, (before, after) => {
      const head = (line: string) => `HTTP/1.1 200 OK\r\n${before.join('')}${line}${after.join('')}`
      assert.equal(
        atPort.responseHead(head('Location: //localhost:3000\r\n'), REQUEST),
        head('Location: //demo.example.com:8443\r\n'),
      )
    }),
  )
})

test('a head of 256 KiB that is made to be slow costs what one that is not does', () => {
  const cost = (line: string, times: number) => {
    const before = process.cpuUsage()
    for (let i = 0; i < times; i++) assert.equal(mapLine(atPort, line), line)
    return process.cpuUsage(before).user / times
  }
  const spaces = ' '.repeat(250_000)
  const usual = cost(`Set-Cookie: a;${'x'.repeat(250_000)}`, 100)
  for (const line of [
    `Set-Cookie: a;domain=${spaces}x y`,
    `Set-Cookie: a;${spaces}domain${spaces}`,
    `Refresh: ${spaces}`,
    `Refresh: 1;${spaces}url${spaces}`,
    `Location:${spaces}http:/`,
    `Set-Cookie: ${';domain='.repeat(30_000)}`,
  ]) {
    // 250,000 times the bytes, squared, would be 250,000 times the cost.
    assert.ok(cost(line, 3) < 2_000 * Math.max(usual, 10), line.slice(0, 40))
  }
})
