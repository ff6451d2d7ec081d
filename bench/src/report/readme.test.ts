import assert from 'node:assert/strict'
import { test } from 'node:test'
import { workloads } from '../workloads/index.js'
import type { Outcome } from './figures.js'
import { between } from './page.js'
import { readmeBlock } from './readme.js'
import type { Report } from './write.js'

const about = {
  date: '2026-11-21 13:00',
  commit: 'abc1234',
  cpu: 'a processor',
  cores: 2,
  memoryGib: 4,
  system: 'Linux',
  node: 'v20',
  loadAverage: 0,
}

/** Every figure is 10 for nginx and 25 for ours. */
function report(): Report {
  const outcomes = workloads.map(({ name, title, metrics }): Outcome => {
    const sample = (value: number) => [Object.fromEntries(metrics.map(({ key }) => [key, value]))]
    return { workload: name, title, metrics, samples: { nginx: sample(10), ours: sample(25) } }
  })
  return { about, command: 'npm run bench -- --write', extent: '', outcomes, verdicts: [], notes: [] }
}

test('the README shows both figures and the multiple, with their units', () => {
  const block = readmeBlock(report())
  assert.ok(typeof block === 'string')
  assert.match(block, /^\| CPU of all processes per 1 KiB request, 50 connections \| 10 µs \| 25 µs \| 2\.50 × \|$/m)
  assert.match(block, /^\| requests\/s, 50 connections \| 10 \| 25 \| 2\.50 × \|$/m)
  assert.match(block, /^\| start of `tunnel` to the first answer \| \| 25 ms \| \|$/m)
  assert.match(block, /server 25 → 25, agent 25 → 25 MiB/)
  assert.match(block, /^`npm run bench -- --write` on 2026-11-21, commit abc1234/m)
})

test('a run without one of the figures changes nothing and says which one', () => {
  const { outcomes, ...rest } = report()
  const some = outcomes.filter(({ workload }) => workload !== 'get-1' && workload !== 'start')
  assert.deepEqual(readmeBlock({ ...rest, outcomes: some }), { missing: ['get-1', 'start'] })
})

test('what stands between two markers is replaced, and what is around them stays', () => {
  assert.equal(between('before\n<a>\nold\n<b>\nafter', '<a>', '<b>', 'new'), 'before\n<a>\n\nnew\n\n<b>\nafter')
  assert.throws(() => between('before\n<b>\n<a>', '<a>', '<b>', 'new'), /the markers are gone/)
})
