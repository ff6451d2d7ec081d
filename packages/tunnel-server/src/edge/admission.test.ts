import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tunnel } from '../registry/tunnel.js'
import { Admission } from './admission.js'
import type { EdgeLimits } from './limits.js'

function admission(maxStreamsPerTunnel: number, maxStreamsPerVisitor: number): Admission {
  return new Admission({ maxStreamsPerTunnel, maxStreamsPerVisitor } as EdgeLimits)
}

const tunnel = () => ({ streams: 0 }) as Tunnel

test('a tunnel carries so many streams, whoever opens them, and another tunnel its own', () => {
  const all = admission(2, 10)
  const [one, two] = [tunnel(), tunnel()]
  all.enter(one, 'a')
  all.enter(one, 'b')
  assert.throws(() => all.enter(one, 'c'), { code: 'TUN_ERR_TOO_MANY_STREAMS' })
  all.enter(two, 'a')
  all.leave(one, 'b')
  all.enter(one, 'c')
})

test('a visitor has so many streams over all tunnels, and what is refused counts for nothing', () => {
  const all = admission(10, 2)
  const [one, two] = [tunnel(), tunnel()]
  all.enter(one, 'a')
  all.enter(two, 'a')
  for (const each of [one, two]) assert.throws(() => all.enter(each, 'a'), { code: 'TUN_ERR_TOO_MANY_REQUESTS' })
  all.enter(one, 'b')
  assert.deepEqual([one.streams, two.streams, all.visitors], [2, 1, 2])
  all.leave(two, 'a')
  all.enter(one, 'a')
  for (const visitor of ['a', 'a', 'b']) all.leave(one, visitor)
  assert.deepEqual([one.streams, two.streams, all.visitors], [0, 0, 0])
})
