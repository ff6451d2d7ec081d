import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPatterns, matchesAny } from './patterns.js'

const rows: Array<[pattern: string, fits: string[], not: string[]]> = [
  ['alice', ['alice'], ['alice-1', 'alic', 'xalice', 'bob', '']],
  ['alice-*', ['alice-1', 'alice-a-b'], ['alice', 'alice1', 'xalice-1', 'alice_1']],
  ['alice*', ['alice', 'alice1', 'alice-1'], ['alic', 'xalice']],
  ['*-alice', ['x-alice', 'a-b-alice'], ['alice', 'x-alice-y']],
  ['pr-*-web', ['pr-1-web', 'pr-a-b-web'], ['pr-web', 'pr-1-web-', 'pr-1']],
]
for (const [pattern, fits, not] of rows) {
  test(`${pattern} fits ${fits.join(', ')} and nothing else`, () => {
    for (const name of fits) assert.equal(matchesAny(['other', pattern], name), true, name)
    for (const name of not) assert.equal(matchesAny(['other', pattern], name), false, name)
  })
}

test('front and back of a pattern do not fit the same characters', () => {
  assert.equal(matchesAny(['ab*ba'], 'aba'), false)
  assert.equal(matchesAny(['ab*ba'], 'abba'), true)
})

test('patterns are in lower case and each is there once; none fits nothing', () => {
  assert.deepEqual(checkPatterns(['Alice', 'alice', 'ALICE-*']), ['alice', 'alice-*'])
  assert.equal(matchesAny([], 'alice'), false)
})

for (const wrong of ['', '*', '-*', '**', 'a*b*', 'a.b', 'a b', 'ä', '/', 'a'.repeat(64)]) {
  test(`"${wrong.slice(0, 10)}" is no pattern, and the error says which one it was`, () => {
    assert.throws(() => checkPatterns(['alice', wrong]), {
      code: 'TUN_ERR_FIELD',
      field: 'names[1]',
      message: /names\[1\]: expected a name such as alice, or a pattern such as alice-\* .*, found "/,
    })
  })
}

test('an account can have 100 patterns', () => {
  const many = Array.from({ length: 101 }, (_, i) => `a${i}`)
  assert.equal(checkPatterns(many.slice(1)).length, 100)
  assert.throws(() => checkPatterns(many), { field: 'names', message: /at most 100 patterns, found 101/ })
})
