import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StreamTable } from './stream-table.js'

const id = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.integer({ min: 1, max: 5 }).map((n) => n * 1024),
  fc.integer({ min: 1, max: 3_000 }),
  fc.integer({ min: 0xffff_fff0, max: 0xffff_ffff }),
)
const step = fc.record({ id, add: fc.boolean() })

test('whatever comes and goes, it holds what a map would hold', () => {
  const check = fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
    const table = new StreamTable<{ id: number }>()
    const model = new Map<number, { id: number }>()
    for (const { id, add } of steps) {
      assert.equal(table.get(id), model.get(id))
      if (!add) {
        table.delete(id)
        model.delete(id)
      } else if (!model.has(id)) {
        const stream = { id }
        table.add(stream)
        model.set(id, stream)
      }
      assert.equal(table.has(id), model.has(id))
      assert.equal(table.size, model.size)
    }
    assert.deepEqual(new Set(table.all()), new Set(model.values()))
    for (const [id, stream] of model) assert.equal(table.get(id), stream)
  })
  fc.assert(check, { numRuns: 300 })
})

test('a stream that stays while ten thousand others come and go is still found', () => {
  const table = new StreamTable<{ id: number }>()
  const staying = { id: 1 }
  table.add(staying)
  for (let id = 2; id < 10_000; id++) {
    table.add({ id })
    if (id > 60) table.delete(id - 50)
  }
  assert.equal(table.get(1), staying)
  for (const { id } of table.all()) table.delete(id)
  assert.deepEqual([table.size, table.all()], [0, []])
})
