import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LINK_HEADROOM_BYTES } from '../constants.js'
import { frame } from '../testing/session-pair.js'
import { FrameBatch } from './batch.js'

const sizes = fc.oneof(fc.nat(40), fc.nat(9_000), fc.constantFrom(8_191, 8_192, 16_374, 16_384, 65_536))
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ batch: fc.nat(2), bytes: sizes, take: fc.constant(false) }) },
  { weight: 1, arbitrary: fc.record({ batch: fc.nat(2), bytes: fc.constant(0), take: fc.constant(true) }) },
)

/** The room in front of what is taken is the taker's: nothing else may stand there, now or later. */
function takeFrom(batch: FrameBatch): Buffer[] {
  const parts = batch.take()
  if (parts.length === 0) return parts
  const { buffer, byteOffset } = parts[0]!
  Buffer.from(buffer, byteOffset - LINK_HEADROOM_BYTES, LINK_HEADROOM_BYTES).fill(0xff)
  return parts
}

test('however batches interleave, each gives out its own frames, in order and unchanged', () => {
  const check = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const batches = [new FrameBatch(), new FrameBatch(), new FrameBatch()]
    const expected: Buffer[][] = [[], [], []]
    const taken: Buffer[][] = [[], [], []]
    steps.forEach(({ batch, bytes, take }, i) => {
      if (take) {
        taken[batch]!.push(...takeFrom(batches[batch]!))
        assert.equal(batches[batch]!.bytes, 0)
        return
      }
      const payload = Buffer.alloc(bytes, i + 1)
      const before = batches[batch]!.bytes
      batches[batch]!.add(0x11, batch, i, payload)
      assert.equal(batches[batch]!.bytes - before, bytes + 10)
      expected[batch]!.push(frame(0x11, batch, i, payload))
    })
    // Compared at the very end: what was handed out must not be written over by what came later.
    for (const i of [0, 1, 2]) {
      taken[i]!.push(...takeFrom(batches[i]!))
      assert.ok(Buffer.concat(taken[i]!).equals(Buffer.concat(expected[i]!)))
    }
  })
  fc.assert(check, { numRuns: 300 })
})

test('a bulk payload goes out as it is, without a copy', () => {
  const batch = new FrameBatch()
  const payload = Buffer.alloc(64 * 1024)
  batch.add(0x13, 0, 1, payload)
  const parts = batch.take()
  assert.equal(parts.length, 2)
  assert.equal(parts[1], payload)
})

test('small frames of one batch share one part', () => {
  const batch = new FrameBatch()
  for (let i = 0; i < 100; i++) batch.add(0x13, 0, i, Buffer.alloc(10))
  assert.ok(batch.take().length <= 2) // two when they happen to cross the end of a slab
})

test('a payload copied into a batch may change afterwards, and an empty batch gives nothing', () => {
  const batch = new FrameBatch()
  const payload = Buffer.from('before')
  batch.add(0x00, 0, 0, payload)
  payload.write('after!')
  assert.deepEqual(Buffer.concat(batch.take()), frame(0x00, 0, 0, 'before'))
  assert.deepEqual(batch.take(), [])
})
