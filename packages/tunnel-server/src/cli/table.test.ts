import assert from 'node:assert/strict'
import { test } from 'node:test'
import { table, timeText } from './table.js'

test('columns are as wide as their widest cell, and lines end with their last letter', () => {
  assert.equal(
    table([
      ['A', 'LONG', ''],
      ['bcd', 'x', ''],
      ['e', '', 'f'],
    ]),
    'A    LONG\nbcd  x\ne          f\n',
  )
  assert.equal(table([['A', 'B']]), 'A  B\n')
})

test('times are in UTC, whatever they are', () => {
  assert.deepEqual([null, 0, 1e20, Number.NaN].map(timeText), ['-', '1970-01-01 00:00 UTC', '?', '?'])
})
