import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sessionPrefix, workerOfLink, workerOfSession } from './steering.js'

const rows: Array<[url: string, expected: number | undefined]> = [
  ['/api/link', undefined],
  ['/api/link?', undefined],
  ['/api/link?session=2.abc', 2],
  ['/api/link?session=2.abc&link=0', 2],
  ['/api/link?session=2.abc&link=1', 3],
  ['/api/link?session=2.abc&link=2', 1],
  ['/api/link?session=2.abc&link=7', 3],
  ['/api/link?session=2.abc&link=10', undefined],
  ['/api/link?session=2.abc&link=-1', undefined],
  ['/api/link?session=4.abc', undefined],
  ['/api/link?session=0.abc', undefined],
  ['/api/link?session=abc', undefined],
  ['/api/link?session=99999999999.abc', undefined],
  ['/api/link?link=1', undefined],
]
for (const [url, expected] of rows) {
  test(`of three workers ${expected ?? 'any'} takes ${url}`, () => assert.equal(workerOfLink(url, 3), expected))
}

test('a session says whose it is', () => {
  for (const worker of [1, 9, 10, 32]) assert.equal(workerOfSession(`${sessionPrefix(worker)}um784wft53`), worker)
})
