import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Rate } from './rate.js'

test('so many at once, then one each time that there is one again; who has to wait is told how long', () => {
  let now = 1_000
  const rate = new Rate(60, () => now)
  for (let i = 0; i < 60; i++) assert.equal(rate.take('a'), 0)
  assert.equal(rate.take('a'), 1_000)
  now += 999
  assert.equal(rate.take('a'), 1)
  assert.equal(rate.take('b'), 0, 'others have buckets of their own')
  now += 1
  assert.equal(rate.take('a'), 0)
  assert.equal(rate.take('a'), 1_000)
  rate.perMinute = 0
  assert.equal(rate.take('a'), 0)
})

test('however takes are spread, no window of time sees more than a bucket and what flows into it', () => {
  const steps = fc.array(fc.nat(5_000), { minLength: 1, maxLength: 200 })
  const check = fc.property(fc.integer({ min: 1, max: 100 }), steps, (perMinute, pauses) => {
    let now = 0
    const rate = new Rate(perMinute, () => now)
    const taken: number[] = []
    for (const pause of pauses) {
      now += pause
      rate.sweep()
      if (rate.take('a') === 0) taken.push(now)
    }
    for (const [i, from] of taken.entries()) {
      for (const [j, to] of taken.slice(i).entries()) {
        assert.ok(j + 1 <= perMinute + ((to - from) * perMinute) / 60_000)
      }
    }
  })
  fc.assert(check)
})

test('a clock that is set back gives nothing away and takes nothing', () => {
  let now = 1_000_000
  const rate = new Rate(1, () => now)
  assert.equal(rate.take('a'), 0)
  now = 0
  assert.ok(rate.take('a') > 0)
  now = 1_060_000
  assert.equal(rate.take('a'), 0)
})

test('keys without end do not grow it without end', () => {
  const rate = new Rate(1, () => 0)
  for (let i = 0; i < 70_000; i++) assert.equal(rate.take(`key ${i}`), 0)
  assert.equal(rate.take('key 69999') > 0, true)
  assert.equal(rate.take('key 0'), 0, 'the first ones are forgotten')
})
