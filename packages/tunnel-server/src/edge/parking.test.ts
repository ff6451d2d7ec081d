import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ParkedRequest, Parking } from './parking.js'

class Waiting implements ParkedRequest {
  paused = 0
  pause(): void {
    this.paused++
  }
}

test('so many requests wait and no more; who leaves makes room', () => {
  const parking = new Parking({ maxParked: 2, maxParkedBytes: 100 })
  const [a, b, c] = [new Waiting(), new Waiting(), new Waiting()]
  assert.deepEqual([parking.enter(a, 1), parking.enter(b, 1), parking.enter(c, 1)], [true, true, false])
  parking.leave(c) // it never was there
  assert.equal(parking.enter(c, 1), false)
  parking.leave(a)
  assert.equal(parking.enter(c, 1), true)
  assert.equal(parking.count, 2)
})

test('what they hold together has a limit: beyond it nobody reads on, and nobody else may wait', () => {
  const parking = new Parking({ maxParked: 10, maxParkedBytes: 100 })
  const [a, b, c] = [new Waiting(), new Waiting(), new Waiting()]
  assert.equal(parking.enter(a, 40), true)
  assert.equal(parking.enter(b, 61), false)
  assert.equal(parking.enter(b, 40), true)
  parking.grow(a, 20)
  assert.deepEqual([a.paused, b.paused], [0, 0])
  parking.grow(a, 1)
  assert.deepEqual([a.paused, b.paused], [1, 1])
  assert.equal(parking.enter(c, 0), false)
  parking.leave(a)
  assert.equal(parking.enter(c, 60), true)
  parking.leave(b)
  parking.leave(c)
  assert.equal(parking.enter(a, 100), true)
})
