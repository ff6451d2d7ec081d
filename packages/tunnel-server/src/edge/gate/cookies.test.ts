import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseRequestHead, type RequestHead } from 'tunnel-protocol'
import { cookieValues, setCookie, withoutOurCookies, withoutOurSetCookies } from './cookies.js'

function request(...lines: string[]): RequestHead {
  return parseRequestHead(`GET / HTTP/1.1\r\nHost: demo\r\n${lines.map((line) => `${line}\r\n`).join('')}`)
}

const rows: Array<[lines: string[], values: string[], left: string[]]> = [
  [['Cookie: a=1; b=2'], [], ['Cookie: a=1; b=2']],
  [['Cookie: tunnel-pass=x'], ['x'], []],
  [['cookie:\ttunnel-pass=x\t'], ['x'], []],
  [['Cookie: tunnel-pass=x; a=1; b=2'], ['x'], ['Cookie: a=1; b=2']],
  [['Cookie: a=1;tunnel-pass=x;b=2'], ['x'], ['Cookie: a=1;b=2']],
  [['Cookie: a=1; b=2; tunnel-pass=x'], ['x'], ['Cookie: a=1; b=2']],
  [['Cookie: a=1', 'X: y', 'COOKIE: tunnel-pass=x; b=2'], ['x'], ['Cookie: a=1', 'X: y', 'COOKIE: b=2']],
  [['Cookie: tunnel-pass=x; tunnel-pass=y', 'Cookie: tunnel-pass=z'], ['x', 'y', 'z'], []],
  [['Cookie: tunnel-pass = x ; a=1'], ['x'], ['Cookie: a=1']],
  [['Cookie: tunnel-pass="x"; a=1'], ['"x"'], ['Cookie: a=1']],
  [['Cookie: a="1; tunnel-pass=x; 2"'], ['x'], ['Cookie: a="1; 2"']],
  [['Cookie: tunnel-pass; a=1'], [], ['Cookie: a=1']],
  [['Cookie: =tunnel-pass=x; a=1'], [], ['Cookie: =tunnel-pass=x; a=1']],
  [['Cookie: tunnel-passport=1; my-tunnel-pass=2'], [], ['Cookie: tunnel-passport=1; my-tunnel-pass=2']],
  [['Cookie: TUNNEL-PASS=x; a=1'], [], ['Cookie: TUNNEL-PASS=x; a=1']],
  [['Cookie: __Host-tunnel-pass=x; tunnel-pass-warned=y; a=1'], [], ['Cookie: a=1']],
  [['Cookie: a=tunnel-pass=x'], [], ['Cookie: a=tunnel-pass=x']],
  [['Referer: http://x/?tunnel-pass=x'], [], ['Referer: http://x/?tunnel-pass=x']],
  [['Cookie:'], [], ['Cookie:']],
]
for (const [lines, values, left] of rows) {
  test(`${JSON.stringify(lines)} shows ${JSON.stringify(values)}`, () => {
    assert.deepEqual(cookieValues(request(...lines), 'pass', false), values)
    const { forward } = withoutOurCookies(request(...lines))
    assert.equal(forward, ['Host: demo', ...left].map((line) => `${line}\r\n`).join(''))
  })
}

test('over TLS a cookie has the prefix that no other host can give it', () => {
  const both = request('Cookie: tunnel-pass=plain; __Host-tunnel-pass=secure; __Host-tunnel-pass-warned=warned')
  assert.deepEqual(cookieValues(both, 'pass', true), ['secure'])
  assert.deepEqual(cookieValues(both, 'pass', false), ['plain'])
  assert.deepEqual(cookieValues(both, 'warned', true), ['warned'])
  assert.equal(
    setCookie('pass', true, 'x', 604_800_000),
    'Set-Cookie: __Host-tunnel-pass=x; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure\r\n',
  )
  assert.equal(
    setCookie('warned', false, 'x', 0),
    'Set-Cookie: tunnel-pass-warned=x; Path=/; Max-Age=0; HttpOnly; SameSite=Lax\r\n',
  )
})

test('however many there are, a few are looked at', () => {
  const many = request(`Cookie: ${Array.from({ length: 1_000 }, (_, i) => `tunnel-pass=${i}`).join(';')}`)
  assert.equal(cookieValues(many, 'pass', false).length, 4)
  assert.equal(withoutOurCookies(many).forward, 'Host: demo\r\n')
})

test('whatever the cookies, ours are cut out and the others stay as they are', () => {
  const ours = fc.constantFrom(
    'tunnel-pass=x',
    '__Host-tunnel-pass=x',
    'tunnel-pass-warned=x',
    '__Host-tunnel-pass-warned=x',
  )
  const others = fc.constantFrom('a=1', 'b="2"', 'c', 'tunnel=pass', 'd=tunnel-pass')
  const fields = fc.array(fc.array(fc.oneof(ours, others), { minLength: 1, maxLength: 5 }), { maxLength: 4 })
  const check = fc.property(fields, (lists) => {
    const lines = lists.map((pairs) => `Cookie: ${pairs.join('; ')}`)
    const kept = lists.map((pairs) => pairs.filter((pair) => !/^(__Host-)?tunnel-pass/.test(pair)))
    const expected = kept.filter((pairs) => pairs.length > 0).map((pairs) => `Cookie: ${pairs.join('; ')}\r\n`)
    assert.equal(withoutOurCookies(request(...lines)).forward, `Host: demo\r\n${expected.join('')}`)
  })
  fc.assert(check)
})

const setByApp: Array<[line: string, stays: boolean]> = [
  ['Set-Cookie: a=1', true],
  ['Set-Cookie: tunnel-passport=1', true],
  ['Set-Cookie: a=tunnel-pass=1', true],
  ['X-Set-Cookie: tunnel-pass=1', true],
  ['Set-Cookie: tunnel-pass=1; Path=/', false],
  ['set-cookie:tunnel-pass=', false],
  ['Set-Cookie: __Host-tunnel-pass=1; Secure; Path=/', false],
  ['Set-Cookie: \t__HOST-Tunnel-Pass =1', false],
  ['Set-Cookie: tunnel-pass-warned=1', false],
  ['Set-Cookie: =tunnel-pass=1', false],
  ['Set-Cookie: tunnel-pass', false],
  ['Set-Cookie: tunnel-pass; Path=/', false],
]
for (const [line, stays] of setByApp) {
  test(`"${line}" of an app ${stays ? 'stays' : 'is dropped'}`, () => {
    const around = (middle: string) => `A: 1\r\n${middle}Set-Cookie: b=2\r\n`
    assert.equal(withoutOurSetCookies(around(`${line}\r\n`)), around(stays ? `${line}\r\n` : ''))
  })
}
