import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Attempts } from './attempts.js'

test('an address has its guesses at once, gets one back after another, and is told how long that takes', () => {
  let now = 1_000
  const attempts = new Attempts({ burst: 3, regainMs: 100 }, () => now)
  assert.deepEqual(
    [1, 2, 3, 4, 5].map(() => attempts.take('a')),
    [0, 0, 0, 100, 100],
  )
  assert.equal(attempts.take('b'), 0)
  now += 40
  assert.equal(attempts.take('a'), 60)
  now += 60
  assert.deepEqual([attempts.take('a'), attempts.take('a')], [0, 100])
  now += 10_000
  assert.deepEqual(
    [1, 2, 3, 4].map(() => attempts.take('a')),
    [0, 0, 0, 100],
  )
})

test('a guess that was right does not count', () => {
  const attempts = new Attempts({ burst: 2, regainMs: 100 }, () => 1_000)
  for (let i = 0; i < 10; i++) {
    assert.equal(attempts.take('a'), 0)
    attempts.giveBack('a')
  }
  attempts.giveBack('a')
  assert.deepEqual([attempts.take('a'), attempts.take('a'), attempts.take('a')], [0, 0, 100])
})

test('however many addresses guess, who guessed last is remembered', () => {
  const attempts = new Attempts({ burst: 1, regainMs: 1_000 }, () => 1_000)
  for (let i = 0; i < 50_000; i++) assert.equal(attempts.take(`address ${i}`), 0)
  assert.equal(attempts.take('address 49999'), 1_000)
  assert.equal(attempts.take('address 0'), 0, 'forgotten, or there is no end to what is kept')
})

test('in no stretch of time does an address get more guesses than it may', () => {
  const check = fc.property(fc.array(fc.nat(300), { maxLength: 200 }), (pauses) => {
    let now = 0
    const attempts = new Attempts({ burst: 4, regainMs: 100 }, () => now)
    const taken: number[] = []
    for (const pause of pauses) {
      now += pause
      if (attempts.take('a') === 0) taken.push(now)
    }
    for (let i = 4; i < taken.length; i++) assert.ok(taken[i]! - taken[i - 4]! >= 100)
  })
  fc.assert(check)
})
