import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutOften, growth } from 'tunnel-bench/links/cuts'
import { Stage } from 'tunnel-bench/stage'
import { canMeasureMemory } from '../support/memory.js'

/** `npm run bench:links` does the same with 10,000. */
const CUTS = 1_500
const MIB = 2 ** 20

test('server and agent hold no more after 1,500 lost links than after 300', { skip: !canMeasureMemory }, async (t) => {
  using stage = new Stage()
  const { marks, pausesMs } = await cutOften(stage, [CUTS / 5, CUTS])
  const [resident, heap] = [growth(marks, 'resident') / MIB, growth(marks, 'heap') / MIB]
  const words = `grown by ${resident.toFixed(1)} MiB, the heap by ${heap.toFixed(1)} MiB`
  t.diagnostic(`${words}; pauses of ${pausesMs[CUTS / 2]!.toFixed(1)} ms`)
  assert.ok(resident < 16 && heap < 3, words)
})
