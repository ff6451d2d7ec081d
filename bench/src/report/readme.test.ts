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

/** Every figure is 10 for nginx, 25 for ours and 50 for ssh; only the two parts of a tunnel have memory of their own. */
function report(): Report {
  const outcomes = workloads.map(({ name, title, metrics }): Outcome => {
    const sample = (value: number, not: RegExp) => [
      Object.fromEntries(metrics.filter(({ key }) => !not.test(key)).map(({ key }) => [key, value])),
    ]
    const samples = { nginx: sample(10, /server|agent|time/), ours: sample(25, /proxy/), ssh: sample(50, /proxy/) }
    return { workload: name, title, metrics, samples }
  })
  return { about, command: 'npm run bench -- --write', extent: '', outcomes, verdicts: [], notes: [] }
}

test('the README shows the figures of each target that was in the run, and ours as a multiple of nginx too', () => {
  const block = readmeBlock(report())
  assert.ok(typeof block === 'string')
  const [head, , ...lines] = block.split('\n')
  assert.equal(head, '| | **this tunnel** | nginx as a plain proxy | `ssh -R` |')
  assert.ok(lines.includes('| requests/s, 50 connections | 25, 2.50 × nginx | 10 | 50 |'))
  assert.ok(lines.includes('| memory when idle, server + agent (MiB) | 25 + 25 | 10 | 50 + 50 |'))
  assert.ok(lines.includes('| from the start of the command to the first answer (ms) | 25 |  | 50 |'))
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
