import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRequestHead } from 'tunnel-protocol'
import { asciiTarget, isNavigation, pathBack } from './navigation.js'

const head = (line: string, ...lines: string[]) =>
  parseRequestHead([`${line} HTTP/1.1`, 'Host: demo', ...lines].map((each) => `${each}\r\n`).join(''))

const BROWSER = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
const rows: Array<[what: string, request: ReturnType<typeof head>, isPage: boolean]> = [
  ['a browser', head('GET /', BROWSER, 'Sec-Fetch-Mode: navigate'), true],
  ['an old browser', head('GET /', BROWSER), true],
  ['HEAD', head('HEAD /', BROWSER), true],
  ['a script of a page', head('GET /', BROWSER, 'Sec-Fetch-Mode: cors'), false],
  ['an image', head('GET /', 'Accept: image/avif,*/*;q=0.8', 'Sec-Fetch-Mode: no-cors'), false],
  ['curl', head('GET /', 'Accept: */*'), false],
  ['no Accept', head('GET /'), false],
  ['a form', head('POST /', BROWSER, 'Sec-Fetch-Mode: navigate', 'Content-Length: 0'), false],
  ['an upgrade', head('GET /', BROWSER, 'Connection: Upgrade', 'Upgrade: websocket'), false],
]
for (const [what, request, isPage] of rows) {
  test(`${what} is ${isPage ? '' : 'not '}shown a page`, () => assert.equal(isNavigation(request), isPage))
}

const paths: Array<[wanted: string, path: string]> = [
  ['/', '/'],
  ['/a/b?c=d#e', '/a/b?c=d#e'],
  ['/a//b', '/a//b'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['/a\\b', '/'],
  ['https://evil.example/', '/'],
  ['javascript:alert(1)', '/'],
  ['evil', '/'],
  ['', '/'],
  ['/\tevil', '/'],
  ['/a\r\nSet-Cookie: x=y', '/'],
  ['/ü', '/'],
  ['/.tunnel/sign-out', '/'],
  [`/${'x'.repeat(2_048)}`, '/'],
]
for (const [wanted, path] of paths) {
  test(`whoever wanted to go to ${JSON.stringify(wanted.slice(0, 40))} goes to ${path}`, () =>
    assert.equal(pathBack(wanted), path))
}

test('bytes beyond ASCII in a target are written as percent and hex', () => {
  assert.equal(asciiTarget(head('GET /\xc3\xbc?x=\xff')), '/%C3%BC?x=%FF')
})
