import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { FrameType } from '../constants.js'
import { TunnelError } from '../errors.js'
import { frame, LoneSession, RecordingHandler } from '../testing/session-pair.js'
import { Keepalive, type KeepaliveOptions } from './keepalive.js'

const INTERVAL_MS = 15_000
const DEADLINE_MS = 10_000
const TICK_MS = 1_000

/** An event loop in which time passes only when the test says so, and each timer runs at its own time. */
class SlowLoop {
  nowMs = 1_000_000
  /** What the sockets have to say: read once, behind the next timers and in front of what setImmediate() holds. */
  poll = () => {}
  readonly #timers = new Map<object, { dueAt: number; run: () => void }>()
  readonly #immediates = new Map<object, () => void>()

  constructor(t: TestContext) {
    t.mock.reset()
    t.mock.method(globalThis, 'setTimeout', (run: () => void, ms: number) => {
      const timer = { unref() {} }
      this.#timers.set(timer, { dueAt: this.nowMs + ms, run })
      return timer
    })
    t.mock.method(globalThis, 'clearTimeout', (timer: object) => void this.#timers.delete(timer))
    t.mock.method(globalThis, 'setImmediate', (run: () => void) => {
      const immediate = {}
      this.#immediates.set(immediate, run)
      return immediate
    })
    t.mock.method(globalThis, 'clearImmediate', (immediate: object) => void this.#immediates.delete(immediate))
    t.mock.method(performance, 'now', () => this.nowMs)
  }

  wait(ms: number): void {
    const end = this.nowMs + ms
    while (true) {
      const [timer, next] = [...this.#timers].reduce(
        (first, each) => (each[1].dueAt < first[1].dueAt ? each : first),
        [{}, { dueAt: Number.POSITIVE_INFINITY, run() {} }],
      )
      if (next.dueAt > end) break
      this.nowMs = next.dueAt
      this.#timers.delete(timer)
      next.run()
      this.poll()
      this.poll = () => {}
      for (const [immediate, run] of [...this.#immediates]) if (this.#immediates.delete(immediate)) run()
    }
    this.nowMs = end
  }
}

/** A server's session whose peer is the test, on a clock that only wait() moves. */
function world(t: TestContext, options: KeepaliveOptions = {}) {
  const loop = new SlowLoop(t)
  let clockOffMs = 0
  t.mock.method(Date, 'now', () => loop.nowMs + clockOffMs)
  const lone = new LoneSession('server')
  const roundTrips: number[] = []
  const keepalive = new Keepalive(lone.session, {
    intervalMs: INTERVAL_MS,
    deadlineMs: DEADLINE_MS,
    onRoundTrip: (ms) => roundTrips.push(ms),
    ...options,
  })
  let unanswered: Buffer[] = []
  const here = {
    lone,
    loop,
    roundTrips,
    keepalive,
    setClock(ms: number) {
      clockOffMs += ms
    },
    wait: (ms: number) => loop.wait(ms),
    /** How many PINGs went out since the last call. */
    pings(): number {
      const pings = lone.sent().filter(({ type }) => type === FrameType.Ping)
      unanswered.push(...pings.map(({ payload }) => payload))
      return pings.length
    },
    /** Answer all PINGs. */
    answer() {
      here.pings()
      lone.feed(...unanswered.map((payload) => frame(FrameType.Pong, 0, 0, payload)))
      unanswered = []
    },
    /** A sign of life and nothing else. */
    whisper: () => lone.feed(frame(0x0f, 0, 0)),
    /** Send something that calls for an answer. */
    speak: () => void lone.session.openStream(1, 1, 'GET / HTTP/1.1\r\n', true, new RecordingHandler()),
    get dead(): boolean {
      return lone.closed.length > 0
    },
    /** Wait for the link to be given up. Returns after how many milliseconds. */
    untilDead(): number {
      for (let ms = 0; ms <= 10 * (INTERVAL_MS + DEADLINE_MS); ms += 100) {
        if (here.dead) return ms
        here.wait(100)
      }
      throw new Error('the link was never given up')
    },
  }
  return here
}

/** The same, with a peer whose round-trip time is known already. */
function impatient(t: TestContext, roundTripMs: number) {
  const here = world(t, { impatient: true })
  here.wait(TICK_MS)
  assert.equal(here.pings(), 1, 'the round-trip time is measured soon')
  here.wait(roundTripMs)
  here.answer()
  assert.deepEqual(here.roundTrips, [roundTripMs])
  here.wait(TICK_MS) // the answer is noticed
  return here
}

// Silence

test('silence of one interval causes one ping', (t) => {
  const { wait, pings } = world(t)
  wait(INTERVAL_MS - 1)
  assert.equal(pings(), 0)
  wait(1)
  assert.equal(pings(), 1)
  wait(DEADLINE_MS - 1)
  assert.equal(pings(), 0)
})

test('a peer that keeps talking is not pinged', (t) => {
  const { wait, pings, whisper, lone } = world(t)
  for (let i = 0; i < 20; i++) {
    wait(INTERVAL_MS - 2 * TICK_MS)
    whisper()
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
    ['TUN_ERR_SESSION_CLOSED: the connection was lost (the peer has been silent for 25000 ms)'],
  )
})

test('an answer keeps the link, tells the round-trip time, and the next ping comes after another interval', (t) => {
  const { wait, answer, pings, lone, roundTrips } = world(t)
  wait(INTERVAL_MS)
  wait(40)
  answer()
  assert.deepEqual(roundTrips, [40])
  assert.equal(lone.session.roundTrip.ms, 40)
  wait(INTERVAL_MS - 40)
  assert.equal(pings(), 0)
  wait(TICK_MS)
  assert.equal(pings(), 1)
  assert.deepEqual(lone.closed, [])
})

test('any byte counts as an answer, even of a frame that is not whole', (t) => {
  const here = world(t)
  here.wait(INTERVAL_MS + DEADLINE_MS - 1)
  here.lone.feed(Buffer.from([FrameType.Data]))
  here.wait(1)
  here.wait(INTERVAL_MS)
  assert.equal(here.dead, false)
})

test('interval and deadline may be shorter than a tick, and the deadline longer than the interval', (t) => {
  for (const [intervalMs, deadlineMs] of [
    [200, 300],
    [300, 200],
    [1_000, 3_000],
  ] as const) {
    const here = world(t, { intervalMs, deadlineMs })
    here.wait(intervalMs)
    assert.equal(here.pings(), 1)
    here.answer()
    here.wait(deadlineMs)
    assert.equal(here.dead, false)
    const patience = 2 * intervalMs + 2 * deadlineMs
    assert.ok(here.untilDead() <= patience, `${intervalMs} and ${deadlineMs}`)
  }
})

// Bytes in flight

test('what is sent and not answered for a tick causes a ping; answered, it does not', (t) => {
  const here = world(t)
  here.speak()
  here.wait(2 * TICK_MS)
  assert.equal(here.pings(), 1)
  here.answer()
  here.wait(TICK_MS)
  here.speak()
  here.wait(TICK_MS)
  here.whisper()
  here.wait(5 * TICK_MS)
  assert.equal(here.pings(), 0)
})

test('what is sent after the last word of the peer counts, in the same tick too; what came before it is answered', (t) => {
  const here = world(t)
  here.whisper()
  here.speak()
  here.wait(2 * TICK_MS)
  assert.equal(here.pings(), 1)
  here.answer()
  here.speak()
  here.lone.turn()
  here.whisper()
  here.wait(5 * TICK_MS)
  assert.equal(here.pings(), 0)
})

test('answers to pings call for no answer: two idle sides do not ask each other for ever', (t) => {
  const { wait, lone, pings } = world(t)
  for (let i = 0; i < 10; i++) {
    lone.feed(frame(FrameType.Ping, 0, 0, 'are you there?'))
    wait(TICK_MS)
  }
  wait(3 * TICK_MS)
  assert.equal(pings(), 0)
})

test('a patient side gives an unanswered stream the whole deadline', (t) => {
  const here = world(t)
  here.speak()
  here.wait(2 * TICK_MS + DEADLINE_MS - 1)
  assert.equal(here.dead, false)
  here.wait(1)
  assert.equal(here.dead, true)
})

for (const [roundTripMs, deadlineMs] of [
  [0, 2_000],
  [50, 2_000],
  [500, 4_000],
  [900, 7_200],
  [5_000, DEADLINE_MS],
] as const) {
  test(`an impatient side whose answers take ${roundTripMs} ms gives an unanswered stream ${deadlineMs} ms`, (t) => {
    const here = impatient(t, roundTripMs)
    here.speak()
    here.wait(2 * TICK_MS)
    assert.equal(here.pings(), 1)
    const ms = here.untilDead()
    assert.ok(ms >= deadlineMs - TICK_MS && ms <= deadlineMs, `${ms} ms`)
  })
}

test('an impatient side that knows no round-trip time is patient', (t) => {
  const here = world(t, { impatient: true })
  here.speak()
  const ms = here.untilDead()
  assert.ok(ms >= DEADLINE_MS + TICK_MS && ms <= DEADLINE_MS + 3 * TICK_MS, `${ms} ms`)
})

test('an impatient side is patient with mere silence', (t) => {
  const here = impatient(t, 0)
  const ms = here.untilDead()
  assert.ok(ms >= INTERVAL_MS + DEADLINE_MS, `${ms} ms`)
})

test('the highest round-trip time of late counts, and is forgotten in time', (t) => {
  const answering = (times: number) => {
    const here = impatient(t, 900)
    for (let i = 0; i < times; i++) {
      while (here.pings() === 0) here.wait(100)
      here.answer()
    }
    here.wait(TICK_MS)
    here.speak()
    here.wait(2 * TICK_MS)
    return here.untilDead()
  }
  assert.ok(answering(1) > 5_000)
  assert.ok(answering(50) <= 2_000)
})

test('a ping that has been under way for long tells how slow the way is before it is answered', (t) => {
  const here = impatient(t, 50)
  here.wait(INTERVAL_MS)
  assert.equal(here.pings(), 1)
  here.wait(3 * TICK_MS)
  here.whisper() // what was in front of the answer
  here.speak()
  here.wait(9 * TICK_MS)
  assert.equal(here.dead, false)
})

// Reasons to doubt

test('a probe asks at once, and an impatient side gives two seconds', (t) => {
  const here = impatient(t, 10)
  here.keepalive.probe()
  assert.equal(here.pings(), 1)
  here.wait(1_999)
  assert.equal(here.dead, false)
  here.wait(1)
  assert.equal(here.dead, true)
})

test('however often probe() is called, the deadline is not put off', (t) => {
  const here = impatient(t, 10)
  for (let i = 0; i < 10 && !here.dead; i++) {
    here.keepalive.probe()
    here.wait(300)
  }
  assert.equal(here.dead, true)
})

test('a probe puts a deadline that runs already off by a tick at most', (t) => {
  const here = world(t)
  here.wait(INTERVAL_MS + DEADLINE_MS - 1)
  here.keepalive.probe()
  here.wait(TICK_MS)
  assert.equal(here.dead, true)
})

test('after a sleep the peer is asked anew at once, whatever had been asked before', (t) => {
  for (const before of [0, INTERVAL_MS + 9 * TICK_MS]) {
    const here = world(t)
    here.wait(before)
    here.pings()
    here.setClock(3_600_000)
    here.wait(TICK_MS)
    assert.equal(here.pings(), 1)
    here.wait(DEADLINE_MS - 1)
    assert.equal(here.dead, false)
    here.wait(1)
    assert.equal(here.dead, true)
  }
})

test('answers that wait unread while the process stands still keep the link', (t) => {
  for (const setUp of [
    (here: ReturnType<typeof world>) => here.wait(INTERVAL_MS + 9 * TICK_MS),
    (here: ReturnType<typeof world>) => {
      here.speak()
      here.wait(2 * TICK_MS)
      here.wait(9 * TICK_MS)
    },
  ]) {
    for (const standstillMs of [600, 4_000, 60_000]) {
      const here = world(t)
      setUp(here)
      here.setClock(standstillMs)
      here.loop.poll = () => here.whisper()
      here.wait(TICK_MS)
      here.wait(TICK_MS)
      assert.equal(here.dead, false, `${standstillMs} ms`)
    }
  }
})

test('a clock that is set back, or a little forward, changes nothing', (t) => {
  for (const ms of [-500_000, 3_000]) {
    const here = world(t)
    here.wait(5 * TICK_MS)
    here.setClock(ms)
    here.wait(9 * TICK_MS)
    assert.equal(here.pings(), 0)
    here.wait(TICK_MS)
    assert.equal(here.pings(), 1)
    here.setClock(ms)
    here.wait(DEADLINE_MS - 1)
    assert.equal(here.dead, false)
    here.wait(1)
    assert.equal(here.dead, true)
  }
})

// Suspicion

test('a peer is suspect when it owes an answer for two seconds, until it says something', (t) => {
  const here = world(t)
  assert.equal(here.keepalive.suspect, false)
  here.wait(INTERVAL_MS - TICK_MS)
  assert.equal(here.keepalive.suspect, false, 'silence alone is no reason')
  here.speak()
  here.wait(2 * TICK_MS)
  assert.equal(here.keepalive.suspect, false)
  here.wait(2 * TICK_MS)
  assert.equal(here.keepalive.suspect, true)
  here.whisper()
  assert.equal(here.keepalive.suspect, false)
  here.keepalive.probe()
  here.wait(2 * TICK_MS)
  here.wait(TICK_MS)
  assert.equal(here.keepalive.suspect, true)
})

test('stopped, or with its session over, it does nothing more', (t) => {
  const stopped = world(t)
  stopped.keepalive.stop()
  stopped.wait(10 * INTERVAL_MS)
  assert.equal(stopped.pings(), 0)

  const between = world(t)
  between.wait(INTERVAL_MS + DEADLINE_MS - 1)
  between.loop.poll = () => between.keepalive.stop()
  between.wait(1)
  between.wait(10 * INTERVAL_MS)
  assert.equal(between.dead, false)

  const over = world(t)
  over.lone.session.close(new TunnelError('TUN_ERR_DRAINING', 'bye'))
  over.keepalive.probe()
  over.wait(10 * INTERVAL_MS)
  assert.equal(over.lone.closed.length, 1)
})

// Whatever happens

test('while bytes come, however slowly, the link is kept; when they end it is given up within interval and deadline', (t) => {
  const step = fc.record({
    /** Below the shortest deadline that there is for the side. */
    gapMs: fc.nat(1_900),
    what: fc.constantFrom('nothing', 'speak', 'probe', 'clock back', 'sleep', 'answer'),
  })
  const check = fc.property(fc.boolean(), fc.array(step, { maxLength: 40 }), (hasty, steps) => {
    const here = world(t, { impatient: hasty })
    for (const { gapMs, what } of steps) {
      if (what === 'speak') here.speak()
      if (what === 'probe') here.keepalive.probe()
      if (what === 'clock back') here.setClock(-20_000)
      if (what === 'sleep') here.setClock(20_000)
      here.wait(gapMs * (hasty ? 1 : 5))
      assert.equal(here.dead, false)
      if (what === 'answer') here.answer()
      else here.whisper()
    }
    assert.ok(here.untilDead() <= INTERVAL_MS + DEADLINE_MS + 2 * TICK_MS)
  })
  fc.assert(check, { numRuns: 200 })
})
