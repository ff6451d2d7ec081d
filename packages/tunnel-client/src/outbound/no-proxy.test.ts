import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isExempt } from './no-proxy.js'

const rows: Array<[string, string, number, boolean]> = [
  ['', 'tunnel.example.com', 443, false],
  ['tunnel.example.com', 'tunnel.example.com', 443, true],
  ['TUNNEL.example.COM', 'tunnel.Example.com', 443, true],
  ['tunnel.example.com.', 'tunnel.example.com', 443, true],
  ['tunnel.example.com', 'tunnel.example.com.', 443, true],
  ['example.com', 'tunnel.example.com', 443, true],
  ['.example.com', 'tunnel.example.com', 443, true],
  ['.example.com', 'example.com', 443, true],
  ['*.example.com', 'tunnel.example.com', 443, true],
  ['example.com', 'notexample.com', 443, false],
  ['.example.com', 'notexample.com', 443, false],
  ['tunnel.example.com', 'example.com', 443, false],
  ['example.com', 'example.com.org', 443, false],
  ['ample.com', 'example.com', 443, false],
  ['a.test, example.com ,b.test', 'example.com', 443, true],
  ['a.test example.com', 'example.com', 443, true],
  [',,', 'example.com', 443, false],
  ['.', 'example.com', 443, false],
  ['*', 'example.com', 443, true],
  ['a.test,*', '10.1.2.3', 443, true],
  ['example.com:443', 'example.com', 443, true],
  ['example.com:443', 'example.com', 8443, false],
  ['.example.com:8443', 'tunnel.example.com', 8443, true],
  ['10.1.2.3', '10.1.2.3', 443, true],
  ['10.1.2.3', '10.1.2.30', 443, false],
  ['10.1.2.3:80', '10.1.2.3', 443, false],
  ['2.3', '10.1.2.3', 443, false],
  ['.1.2.3', '10.1.2.3', 443, false],
  ['10.0.0.0/8', '10.1.2.3', 443, true],
  ['10.0.0.0/8', '11.1.2.3', 443, false],
  ['10.0.0.0/8:80', '10.1.2.3', 443, false],
  ['10.0.0.0/33', '10.1.2.3', 443, false],
  ['10.0.0.0/', '10.1.2.3', 443, false],
  ['10.0.0.0/8', 'ten.example.com', 443, false],
  ['0.0.0.0/0', '203.0.113.9', 443, true],
  ['::1', '::1', 443, true],
  ['2001:db8::7', '2001:db8:0:0::7', 443, true],
  ['[2001:db8::7]', '2001:db8::7', 443, true],
  ['[2001:db8::7]:8443', '2001:db8::7', 8443, true],
  ['[2001:db8::7]:8443', '2001:db8::7', 443, false],
  ['2001:db8::/32', '2001:db8::7', 443, true],
  ['2001:db8::/32', '2001:db9::7', 443, false],
  ['2001:db8::/129', '2001:db8::7', 443, false],
  ['fe80::1%eth0', 'fe80::1', 443, false],
]
for (const [list, host, port, expected] of rows) {
  test(`NO_PROXY="${list}" ${expected ? 'exempts' : 'does not exempt'} ${host}:${port}`, () => {
    assert.equal(isExempt(list, host, port), expected)
  })
}

test('nothing that the variable holds is more than an answer', () => {
  const part = fc.constantFrom('10.0.0.0', '::', '/', '8', ':', '[', ']', '.', '*', '%', 'a', ',', ' ')
  const list = fc.oneof(
    fc.string(),
    fc.array(part).map((parts) => parts.join('')),
  )
  const host = fc.constantFrom('10.1.2.3', '2001:db8::7', 'example.com', '')
  fc.assert(fc.property(list, host, (list, host) => typeof isExempt(list, host, 443) === 'boolean'))
})
