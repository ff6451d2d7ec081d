import assert from 'node:assert/strict'
import { test } from 'node:test'
import { downloadBlocks, parseDownloadBytes } from './download.js'

const rows: Array<[string | null, number | undefined]> = [
  [null, 1_048_576],
  ['0', 0],
  ['1', 1],
  ['4294967296', 4_294_967_296],
  ['4294967297', undefined],
  ['99999999999999999999', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['1.5', undefined],
  ['', undefined],
  ['abc', undefined],
]
for (const [value, bytes] of rows) {
  test(`bytes=${value} asks for ${bytes ?? 'nothing we serve'}`, () => assert.equal(parseDownloadBytes(value), bytes))
}

test('a shorter download is a prefix of a longer one, and no two blocks are alike', () => {
  const long = Buffer.concat([...downloadBlocks(200_000)])
  assert.equal(long.length, 200_000)
  assert.deepEqual(Buffer.concat([...downloadBlocks(70_001)]), long.subarray(0, 70_001))
  assert.notDeepEqual(long.subarray(0, 65_536), long.subarray(65_536, 131_072))
  assert.deepEqual(Buffer.concat([...downloadBlocks(0)]), Buffer.alloc(0))
})
