import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { newTenure } from '../registry/claims.js'
import type { NameRecord } from '../registry/holding.js'
import { randomName } from '../registry/names.js'
import { namesFile, parseNamesFile } from './names-file.js'

const record = (given: Partial<NameRecord> = {}): NameRecord => ({
  name: 'demo',
  account: 'token 0123456789abcdef',
  tenure: newTenure(),
  pooled: false,
  ...given,
})

test('what is written is read again, none, one or thousands of names', () => {
  for (const count of [0, 1, 2, 999, 1_000, 1_001, 5_000]) {
    const records = Array.from({ length: count }, (_, i) =>
      record({ name: `${randomName()}${i}`, pooled: i % 2 === 0 }),
    )
    const pieces = [...namesFile(records)]
    assert.deepEqual(parseNamesFile(pieces.join('')), records)
    assert.equal(pieces.length, Math.floor(count / 1_000) + 1)
  }
})

test('whatever an account is called, it is read again', () => {
  const check = fc.property(fc.string(), (account) => {
    const records = [record({ account })]
    assert.deepEqual(parseNamesFile([...namesFile(records)].join('')), records)
  })
  fc.assert(check)
})

const file = (...names: unknown[]) => JSON.stringify({ version: 1, names })
const { pooled: _, ...line } = { ...record(), pool: false }
const damaged: Array<[what: string, text: string, why: RegExp]> = [
  ['nothing', '', /JSON/],
  ['the first half', '{"version":1,"names":[\n{"name":"de', /JSON/],
  ['no object', '[]', /version/],
  ['null', 'null', /version/],
  ['another version', '{"version":2,"names":[]}', /expected version 1, found 2/],
  ['no names', '{"version":1}', /a list of names/],
  ['a name that is none', file({ ...line, name: '../x' }), /is no name/],
  ['a tenure that is none', file({ ...line, tenure: '' }), /is no name/],
  ['no account', file({ ...line, account: undefined }), /is no name/],
  ['a pool of another kind', file({ ...line, pool: 1 }), /is no name/],
  ['something else', file(5), /is no name/],
  ['a name twice', file(line, line), /is there twice/],
]
for (const [what, text, why] of damaged) {
  test(`a file with ${what} is refused`, () => assert.throws(() => parseNamesFile(text), { message: why }))
}
