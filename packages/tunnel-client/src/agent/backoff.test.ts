import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs } from './backoff.js'

test('the first attempt comes at once', () => assert.equal(backoffMs(0), 0))

test('delays double from a quarter of a second to 15 s', () => {
  const latest = () => 1
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8, 1_000_000].map((failures) => backoffMs(failures, latest)),
    [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000],
  )
})

test('a delay is somewhere in the upper half, for ever', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e9 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const delay = backoffMs(failures, () => random)
      const ceiling = backoffMs(failures, () => 1)
      return delay >= ceiling / 2 - 1 && delay <= ceiling
    }),
  )
})
