import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ErrorCode, parseRequestHead, TunnelError } from 'tunnel-protocol'
import { isRepeatable, type Loss, lossOf } from './repeat.js'

const rows: Array<[code: ErrorCode, sessionOver: boolean, Loss | undefined]> = [
  ['TUN_ERR_SESSION_CLOSED', true, 'sessionOver'],
  ['TUN_ERR_REPLACED', true, 'sessionOver'],
  ['TUN_ERR_DRAINING', true, 'sessionOver'],
  ['TUN_ERR_PROTOCOL', true, undefined],
  ['TUN_ERR_FLOW_CONTROL', true, undefined],
  ['TUN_ERR_INTERNAL', true, undefined],
  ['TUN_ERR_DRAINING', false, 'draining'],
  ['TUN_ERR_ORIGIN_REFUSED', false, 'appDown'],
  ['TUN_ERR_SESSION_CLOSED', false, undefined],
  ['TUN_ERR_ORIGIN_RESET', false, undefined],
  ['TUN_ERR_ORIGIN_TIMEOUT', false, undefined],
  ['TUN_ERR_ORIGIN_TLS', false, undefined],
]
for (const [code, sessionOver, loss] of rows) {
  test(`${code} ${sessionOver ? 'as the end of a session' : 'of one stream'} is ${loss ?? 'an answer of a kind'}`, () => {
    assert.equal(lossOf(new TunnelError(code, 'x'), sessionOver), loss)
  })
}

const request = (method: string, lines = '') =>
  parseRequestHead(`${method} / HTTP/1.1\r\nHost: demo\r\n${lines}`, {
    maxFields: 10,
    maxTargetBytes: 100,
  })

for (const loss of ['linkLost', 'sessionOver', 'draining'] as const) {
  test(`after ${loss} only what is safe to repeat is repeated, and only without a body`, () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']) {
      assert.equal(isRepeatable(request(method), loss), true, method)
      assert.equal(isRepeatable(request(method, 'Content-Length: 5\r\n'), loss), false, method)
      assert.equal(isRepeatable(request(method, 'Transfer-Encoding: chunked\r\n'), loss), false, method)
    }
    for (const method of ['POST', 'PATCH', 'LOCK', 'get']) {
      assert.equal(isRepeatable(request(method), loss), false, method)
    }
  })
}

test('what no app has seen is repeated whatever its method, but not without its body', () => {
  assert.equal(isRepeatable(request('POST'), 'appDown'), true)
  assert.equal(isRepeatable(request('POST', 'Content-Length: 5\r\n'), 'appDown'), false)
})
