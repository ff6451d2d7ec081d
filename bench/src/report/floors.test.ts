import assert from 'node:assert/strict'
import { test } from 'node:test'
import { targets } from '../targets/index.js'
import { workloads } from '../workloads/index.js'
import type { Sample } from '../workloads/workload.js'
import type { Outcome } from './figures.js'
import { type Floor, floors, judge, verdictTable } from './floors.js'

function outcome(samples: Record<string, Array<Sample | undefined>>): Outcome {
  const metrics = [
    { key: 'rate', label: 'requests', unit: '/s' },
    { key: 'errors', label: 'errors', unit: '' },
  ]
  return { workload: 'get-50', title: 'GET', metrics, samples }
}

const samples = {
  nginx: [{ rate: 10 }, { rate: 20 }],
  ours: [
    { rate: 5, errors: 0 },
    { rate: 15, errors: 1 },
  ],
}
const rate = { workload: 'get-50', metric: 'rate' }
const rows: Array<[string, Floor, boolean | undefined]> = [
  ['a multiple at its least', { ...rate, anchor: 'nginx', atLeast: 0.625 }, true],
  ['a multiple below it', { ...rate, anchor: 'nginx', atLeast: 0.63 }, false],
  ['a multiple at its most', { ...rate, anchor: 'nginx', atMost: 0.625 }, true],
  ['a multiple above it', { ...rate, anchor: 'nginx', atMost: 0.62 }, false],
  ['a figure of its own', { ...rate, atLeast: 10 }, true],
  ['a figure of its own that is too low', { ...rate, atLeast: 11 }, false],
  ['an error in one round of two', { workload: 'get-50', metric: 'errors', atMost: 0 }, false],
  ['an anchor that was not measured', { ...rate, anchor: 'ssh', atLeast: 1 }, undefined],
]
for (const [what, floor, holds] of rows) {
  test(`${what}: ${holds ?? 'not judged'}`, () => assert.equal(judge([outcome(samples)], [floor])[0]?.holds, holds))
}

test('a floor whose workload was not in the run has no verdict', () => assert.deepEqual(judge([]), []))

test('a floor whose workload could not be measured is not judged, but shown', () => {
  const [verdict] = judge([outcome({})], [{ ...rate, atLeast: 1 }])
  assert.equal(verdict?.holds, undefined)
  assert.match(verdictTable([verdict!]), /GET: requests +\| – +\| ≥ 1 \/s +\| not measured/)
})

test('the table says what was measured, what must be reached and whether it is', () => {
  const verdicts = judge(
    [outcome(samples)],
    [
      { ...rate, anchor: 'nginx', atLeast: 1 },
      { ...rate, atLeast: 10 },
    ],
  )
  const lines = verdictTable(verdicts)
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '))
  assert.equal(lines[2], '| GET: requests | 0.625 × nginx | ≥ 1 × nginx | **no** |')
  assert.equal(lines[3], '| GET: requests | 10 /s | ≥ 10 /s | yes |')
})

test('every floor is about a figure and an anchor that there are', () => {
  for (const { workload, metric, anchor, atLeast, atMost } of floors) {
    const measured = workloads.find(({ name }) => name === workload)
    assert.ok(measured !== undefined, workload)
    const keys = measured.metrics.map(({ key }) => key)
    assert.ok(keys.includes(metric), `${workload} ${metric}`)
    const measuredOn = measured.targets ?? targets.map(({ name }) => name)
    assert.ok(anchor === undefined || measuredOn.includes(anchor), `${workload} on ${anchor}`)
    assert.ok((atLeast === undefined) !== (atMost === undefined), `${workload} ${metric} has one bound`)
  }
})
