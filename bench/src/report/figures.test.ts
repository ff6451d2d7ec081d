import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figure, type Outcome, ratio } from './figures.js'

const outcome: Outcome = {
  workload: 'get-50',
  title: '',
  metrics: [],
  samples: {
    nginx: [{ rate: 10 }, { rate: 100 }, { rate: 20 }, undefined],
    ours: [{ rate: 5 }, { rate: 20 }, { rate: 10 }, { rate: 1 }],
  },
}

test('a figure is the median of the rounds that have it', () => {
  assert.deepEqual(figure(outcome, 'nginx', 'rate'), { median: 20, min: 10, max: 100 })
  assert.deepEqual(figure(outcome, 'ours', 'rate'), { median: 7.5, min: 1, max: 20 })
  assert.equal(figure(outcome, 'ours', 'p99'), undefined)
  assert.equal(figure(outcome, 'ssh', 'rate'), undefined)
})

test('a multiple is the median of the ratios in each round, not the ratio of the medians', () => {
  assert.deepEqual(ratio(outcome, 'ours', 'nginx', 'rate'), { median: 0.5, min: 0.2, max: 0.5 })
})
