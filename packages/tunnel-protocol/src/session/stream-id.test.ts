import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isLater, nextStreamId } from './stream-id.js'

const none = { has: () => false }

test('ids count up from 1', () => {
  assert.equal(nextStreamId(0, none), 1)
  assert.equal(nextStreamId(1, none), 2)
})

test('after 2^32-1 comes 1, never 0', () => assert.equal(nextStreamId(0xffff_ffff, none), 1))

test('an id that is still in use after a wrap is passed over', () => {
  assert.equal(nextStreamId(0xffff_fffe, new Set([0xffff_ffff, 1, 2])), 3)
})

const rows: Array<[number, number, boolean]> = [
  [1, 0, true],
  [5, 5, false],
  [4, 5, false],
  [6, 5, true],
  [0x7fff_ffff, 0, true],
  [0x8000_0000, 0, false],
  [1, 0xffff_ffff, true],
  [0xffff_ffff, 1, false],
]
for (const [id, last, later] of rows) {
  test(`${id} is ${later ? '' : 'not '}later than ${last}`, () => assert.equal(isLater(id, last), later))
}

test('the next id is always later than the last one', () => {
  const check = fc.property(fc.nat(0xffff_ffff), (last) => assert.ok(isLater(nextStreamId(last, none), last)))
  fc.assert(check)
})
