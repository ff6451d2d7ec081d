import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type TextRange, textRun } from './text.js'

const range = (startOffset: number, endOffset: number, count: number): TextRange => ({ startOffset, endOffset, count })
const rows: Array<[string, TextRange[], number]> = [
  ['a function as often as it was called', [range(0, 10, 3)], 30],
  ['a block as often as it was entered, and not as a part of the function', [range(0, 10, 3), range(4, 6, 100)], 224],
  ['a branch that was not taken as nothing', [range(0, 10, 3), range(4, 6, 0)], 24],
  ['blocks beside each other', [range(0, 10, 1), range(2, 4, 0), range(4, 6, 5)], 16],
  ['a block behind the end of a deeper one', [range(0, 20, 1), range(2, 8, 2), range(3, 5, 4), range(10, 12, 3)], 34],
  ['functions that lie in a class whose text is that of its fields', [range(5, 8, 7), range(0, 10, 1)], 28],
  ['one that begins where the one around it does', [range(0, 4, 2), range(0, 10, 1)], 14],
  ['a script without functions', [], 0],
]
for (const [what, ranges, expected] of rows) {
  test(`counted is ${what}`, () => assert.equal(textRun(ranges), expected))
}
