import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { FrameType } from '../constants.js'
import { TunnelError } from '../errors.js'
import { frame, LoneSession } from '../testing/session-pair.js'
import { startKeepalive } from './keepalive.js'

const INTERVAL_MS = 1_000
const DEADLINE_MS = 300

function world(t: TestContext, deadlineMs = DEADLINE_MS) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000_000 })
  // Setting the mock's own time would shift its timers too; a real clock that is set leaves timers alone.
  let setBackMs = 0
  const now = Date.now
  t.mock.method(Date, 'now', () => now() - setBackMs)
  const lone = new LoneSession('agent')
  const roundTrips: number[] = []
  const stop = startKeepalive(lone.session, {
    intervalMs: INTERVAL_MS,
    deadlineMs,
    onRoundTrip: (ms) => roundTrips.push(ms),
  })
  return {
    lone,
    roundTrips,
    stop,
    setClockBack(ms: number) {
      setBackMs = ms
    },
    wait: (ms: number) => t.mock.timers.tick(ms),
    /** How many PINGs went out since the last call. */
    pings: () => lone.sent().filter(({ type }) => type === FrameType.Ping).length,
    speak: () => lone.feed(frame(FrameType.Pong, 0, 0, 'alive?')),
  }
}

test('silence of one interval causes one ping', (t) => {
  const { wait, pings } = world(t)
  wait(INTERVAL_MS - 1)
  assert.equal(pings(), 0)
  wait(1)
  assert.equal(pings(), 1)
})

test('a peer that keeps talking is not pinged', (t) => {
  const { wait, pings, lone } = world(t)
  for (let i = 0; i < 20; i++) {
    wait(INTERVAL_MS - 100)
    lone.feed(frame(0x0f, 0, 0))
  }
  assert.equal(pings(), 0)
  assert.deepEqual(lone.closed, [])
})

test('a peer that does not answer is given up at the deadline, and not before', (t) => {
  const { wait, lone } = world(t)
  wait(INTERVAL_MS)
  wait(DEADLINE_MS - 1)
  assert.deepEqual(lone.closed, [])
  wait(1)
  assert.deepEqual(
    lone.closed.map(({ message }) => message),
    ['TUN_ERR_SESSION_CLOSED: the connection was lost (the peer has been silent for 1300 ms)'],
  )
})

test('an answer keeps the session, tells the round-trip time, and the next ping comes after a full interval', (t) => {
  const { wait, speak, pings, lone, roundTrips } = world(t)
  wait(INTERVAL_MS)
  wait(40)
  speak()
  assert.deepEqual(roundTrips, [40])
  assert.equal(pings(), 1)
  wait(INTERVAL_MS - 1)
  assert.equal(pings(), 0)
  wait(1)
  assert.equal(pings(), 1)
  assert.deepEqual(lone.closed, [])
})

test('any byte counts as an answer, even of a frame that is not whole', (t) => {
  const { wait, lone } = world(t)
  wait(INTERVAL_MS)
  lone.feed(Buffer.from([FrameType.Data]))
  wait(DEADLINE_MS)
  assert.deepEqual(lone.closed, [])
})

test('an answer within the same millisecond counts', (t) => {
  const { wait, speak, lone } = world(t)
  wait(INTERVAL_MS)
  speak()
  wait(DEADLINE_MS)
  assert.deepEqual(lone.closed, [])
})

test('a deadline longer than the interval works the same', (t) => {
  const { wait, speak, lone, pings } = world(t, 3 * INTERVAL_MS)
  wait(INTERVAL_MS)
  speak()
  wait(3 * INTERVAL_MS)
  assert.deepEqual(lone.closed, [])
  assert.equal(pings(), 2)
  wait(3 * INTERVAL_MS)
  assert.equal(lone.closed.length, 1)
})

test('a clock that is set back between a ping and its answer ends nothing', (t) => {
  const { wait, speak, lone, setClockBack } = world(t)
  wait(INTERVAL_MS)
  setClockBack(500_000)
  speak()
  wait(DEADLINE_MS)
  assert.deepEqual(lone.closed, [])
})

test('a clock that is set back does not put off the next ping', (t) => {
  const { wait, speak, pings, lone, setClockBack } = world(t)
  speak()
  setClockBack(500_000)
  wait(INTERVAL_MS)
  speak()
  wait(2 * INTERVAL_MS)
  assert.ok(pings() >= 1)
  wait(DEADLINE_MS)
  assert.equal(lone.closed.length, 1)
})

test('stopped, or with its session over, it does nothing more', (t) => {
  const stopped = world(t)
  stopped.stop()
  stopped.wait(10 * INTERVAL_MS)
  assert.equal(stopped.pings(), 0)
  t.mock.timers.reset()

  const over = world(t)
  over.lone.session.close(new TunnelError('TUN_ERR_DRAINING', 'bye'))
  over.wait(10 * INTERVAL_MS)
  assert.equal(over.lone.closed.length, 1)
})
