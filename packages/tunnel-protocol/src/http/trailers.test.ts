import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkTrailers, withoutForwarding } from './trailers.js'

test('trailers are header lines, byte for byte', () => {
  for (const lines of ['', 'X-Sum: 1\r\n', 'A:\r\nB: \xe4\r\n']) {
    checkTrailers(lines, 'TUN_ERR_PROTOCOL')
  }
})

const malformed = [
  '\r\n',
  'A: b',
  'A: b\n',
  'A: b\r\n\r\nHTTP/1.1 200 OK\r\n',
  'A b\r\n',
  'A : b\r\n',
  ' A: b\r\n',
  'A: \0\r\n',
  'A: b\r\nContent-Length: 3\r\n',
  'transfer-encoding: chunked\r\n',
  'HOST: b\r\n',
  'Trailer: c\r\n',
]
for (const lines of malformed) {
  test(`${JSON.stringify(lines)} would be read as more than trailers`, () => {
    assert.throws(() => checkTrailers(lines, 'TUN_ERR_PROTOCOL'), { code: 'TUN_ERR_PROTOCOL' })
  })
}

test('a visitor can say no more in trailers of where it comes from than in the head', () => {
  const given =
    'A: 1\r\nX-Forwarded-For: 1\r\nx_forwarded_proto: https\r\nForwarded: for=1\r\nX-Forwarded-Foreign: 1\r\n'
  assert.equal(withoutForwarding(given), 'A: 1\r\nX-Forwarded-Foreign: 1\r\n')
  assert.equal(withoutForwarding(''), '')
})
