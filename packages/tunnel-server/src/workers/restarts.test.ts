import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextFailures, restartDelayMs } from './restarts.js'

test('who ends after a while is followed at once; who fails again and again waits longer, up to a limit', () => {
  let failures = 0
  const delays: number[] = []
  for (let i = 0; i < 10; i++) {
    failures = nextFailures(failures, 500)
    delays.push(restartDelayMs(failures))
  }
  assert.deepEqual(delays, [0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])
  assert.equal(restartDelayMs(nextFailures(failures, 60_000)), 0)
  assert.equal(restartDelayMs(1_000_000), 5_000)
})
