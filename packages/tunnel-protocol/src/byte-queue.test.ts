import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteQueue } from './byte-queue.js'

test('whatever is pushed and taken in whatever pieces, the bytes come out in order', () => {
  const push = fc.record({ push: fc.oneof(fc.nat(40), fc.integer({ min: 16_000, max: 17_000 })) })
  const shift = fc.record({ shift: fc.integer({ min: 1, max: 30_000 }) })
  const check = fc.property(fc.array(fc.oneof(push, shift), { maxLength: 200 }), (steps) => {
    const queue = new ByteQueue()
    let expected = Buffer.alloc(0)
    let next = 0
    for (const step of steps) {
      if ('push' in step) {
        const piece = Buffer.from(Array.from({ length: step.push }, () => next++ & 0xff))
        expected = Buffer.concat([expected, piece])
        queue.push(piece)
        if (piece.length < 1_000) piece.fill(0) // small ones are copied
      } else {
        const taken = queue.shift(step.shift)
        assert.equal(taken === undefined, expected.length === 0)
        const length = taken?.length ?? 0
        assert.ok(length <= step.shift)
        assert.deepEqual(taken ?? Buffer.alloc(0), expected.subarray(0, length))
        expected = expected.subarray(length)
      }
      assert.equal(queue.bytes, expected.length)
    }
  })
  fc.assert(check, { numRuns: 300 })
})

test('small pieces become few parts, and let go of the buffers they came in', () => {
  const queue = new ByteQueue()
  const slab = Buffer.alloc(65_536)
  for (let i = 0; i < 65_536; i++) queue.push(slab.subarray(i, i + 1))
  let parts = 0
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
    assert.notEqual(part.buffer, slab.buffer)
    parts++
  }
  assert.ok(parts <= 12, `${parts} parts`)
})

test('what was cleared is gone', () => {
  const queue = new ByteQueue()
  queue.push(Buffer.from('a'))
  queue.push(Buffer.alloc(20_000))
  queue.clear()
  assert.equal(queue.shift(), undefined)
  queue.push(Buffer.from('b'))
  assert.deepEqual(queue.shift(), Buffer.from('b'))
})
