import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ResendBuffer } from './resend-buffer.js'

const step = fc.oneof(
  fc.record({ push: fc.array(fc.oneof(fc.nat(20), fc.constant(10_000)), { maxLength: 4 }) }),
  fc.record({ acknowledge: fc.double({ min: 0, max: 1, noNaN: true }) }),
)

test('whatever is sent and acknowledged, what is kept is exactly the rest', () => {
  const check = fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
    const buffer = new ResendBuffer()
    let sent = Buffer.alloc(0)
    let acknowledged = 0
    for (const each of steps) {
      if ('push' in each) {
        const parts = each.push.map((length, i) => Buffer.alloc(length, sent.length + i))
        buffer.push(parts)
        sent = Buffer.concat([sent, ...parts])
      } else {
        const offset = Math.floor(each.acknowledge * sent.length)
        buffer.acknowledge(offset)
        acknowledged = Math.max(acknowledged, offset)
      }
      assert.equal(buffer.sentBytes, sent.length)
      assert.equal(buffer.keptBytes, sent.length - acknowledged)
      assert.deepEqual(Buffer.concat(buffer.from(acknowledged)), sent.subarray(acknowledged))
    }
  })
  fc.assert(check, { numRuns: 500 })
})

test('bytes that were never sent, or are gone, are the fault of the peer', () => {
  const buffer = new ResendBuffer()
  buffer.push([Buffer.from('hello')])
  assert.throws(() => buffer.acknowledge(6), { code: 'TUN_ERR_PROTOCOL' })
  buffer.acknowledge(3)
  assert.throws(() => buffer.from(2), { code: 'TUN_ERR_PROTOCOL' })
  assert.equal(Buffer.concat(buffer.from(4)).toString(), 'o')
  buffer.clear()
  assert.deepEqual([buffer.keptBytes, buffer.sentBytes], [0, 5])
})

test('a session that says little holds little, whatever it shared its slabs with', () => {
  const buffer = new ResendBuffer()
  for (let i = 0; i < 600; i++) buffer.push([Buffer.allocUnsafeSlow(16 * 1024).subarray(100, 200)])
  const held = new Set(buffer.from(0).map((part) => part.buffer))
  const bytes = [...held].reduce((sum, { byteLength }) => sum + byteLength, 0)
  assert.ok(bytes < buffer.keptBytes + 8 * 16 * 1024, `${bytes} bytes are held for ${buffer.keptBytes}`)
})
