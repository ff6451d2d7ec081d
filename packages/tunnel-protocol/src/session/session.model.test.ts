import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type OpenedStream, type RecordingHandler, SessionPair } from '../testing/session-pair.js'
import type { Stream } from './stream.js'
import { WindowBudget } from './window-budget.js'

const STREAMS = 4
const WINDOW_BYTES = 16 * 1024
const GROWN_BYTES = 40 * 1024
const MAX_BYTES = 160 * 1024
/** For all streams: one that takes some makes others give some back. */
const TUNING_BYTES = 100 * 1024
/** No round takes less: the clock goes on by as much each time somebody looks. */
const ROUND_TRIP_MS = 5
const OK = 'HTTP/1.1 200 OK\r\n'

type Side = 'server' | 'agent'
type Step =
  | { do: 'write'; side: Side; stream: number; bytes: number }
  | { do: 'read'; side: Side; stream: number; bytes: number }
  | { do: 'end'; side: Side; stream: number; trailers: boolean }
  | { do: 'reset'; side: Side; stream: number }
  | { do: 'turn' }
  | { do: 'wait'; ms: number }
  | { do: 'deliver'; side: Side; pieceBytes: number }
  | { do: 'stall'; side: Side; stalled: boolean }
  /** The link breaks, and both sides know. */
  | { do: 'break'; side: Side }
  /** Only the side that is named knows. */
  | { do: 'drop'; side: Side }
  | { do: 'reconnect' }
  /** The same in steps between which anything may happen; `late`: what was sent on old links arrives. */
  | { do: 'redial' | 'accept' | 'answer' | 'late' }

const side = fc.constantFrom<Side>('server', 'agent')
const stream = fc.nat(STREAMS - 1)
const bytes = fc.oneof(fc.nat(100), fc.nat(12_000), fc.nat(90_000))
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), side, stream, bytes }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read' as const), side, stream, bytes }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('end' as const), side, stream, trailers: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reset' as const), side, stream }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(30 * ROUND_TRIP_MS) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('deliver' as const),
      side,
      pieceBytes: fc.integer({ min: 1, max: 40_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stall' as const), side, stalled: fc.boolean() }) },
)

/** The same, on links that break. */
const brokenStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: step },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const), side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reconnect' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom('redial' as const, 'accept' as const, 'answer' as const, 'late' as const),
    }),
  },
)

/** One direction of one stream, as it should be. */
class Direction {
  written = 0
  ended = false
  trailers = ''
  /** This side gave the stream up. */
  reset = false
  readonly sender: Stream
  readonly receiver: Stream
  readonly heard: RecordingHandler
  readonly #seed: number

  constructor(sender: Stream, receiver: Stream, heard: RecordingHandler, seed: number) {
    this.sender = sender
    this.receiver = receiver
    this.heard = heard
    this.#seed = seed
  }

  /** The byte at any place of this direction: two streams, or two places, rarely look alike. */
  bytes(from: number, count: number): Buffer {
    const out = Buffer.allocUnsafe(count)
    for (let i = 0; i < count; i++) out[i] = ((from + i) * 31 + this.#seed * 7 + ((from + i) >> 8)) & 0xff
    return out
  }
}

function world(resumable = false) {
  const growthBudget = new WindowBudget(Number.POSITIVE_INFINITY)
  const tuningBudget = new WindowBudget(TUNING_BYTES)
  const clock = { nowMs: 0 }
  const pair = new SessionPair({
    windowBytes: WINDOW_BYTES,
    grownWindowBytes: GROWN_BYTES,
    growthBudget,
    maxWindowBytes: MAX_BYTES,
    tuningBudget,
    resumable,
    roundTripMs: ROUND_TRIP_MS,
    now: () => {
      clock.nowMs += ROUND_TRIP_MS
      return clock.nowMs
    },
  })
  const directions: Record<Side, Direction[]> = { server: [], agent: [] }
  for (let i = 0; i < STREAMS; i++) {
    const { near, stream, far } = pair.open() as { near: RecordingHandler; stream: Stream; far: OpenedStream }
    near.slow = true
    far.handler.slow = true
    far.stream.sendHead(OK, false)
    directions.server.push(new Direction(stream, far.stream, far.handler, i))
    directions.agent.push(new Direction(far.stream, stream, near, i + STREAMS))
  }
  return { pair, directions, growthBudget, tuningBudget, clock }
}

type World = ReturnType<typeof world>

function apply({ pair, directions, clock }: World, step: Step): void {
  switch (step.do) {
    case 'write': {
      const way = directions[step.side][step.stream]!
      const chunk = way.bytes(way.written, step.bytes)
      // What the model counts as written is what the stream may still take.
      if (!way.ended && !way.sender.closed) way.written += chunk.length
      way.sender.write(chunk)
      return
    }
    case 'read':
      directions[step.side][step.stream]!.heard.read(step.bytes)
      return
    case 'end': {
      const way = directions[step.side][step.stream]!
      if (!way.ended && !way.sender.closed) {
        way.ended = true
        way.trailers = step.trailers ? `X-Stream: ${step.stream}\r\n` : ''
      }
      way.sender.end(step.trailers ? `X-Stream: ${step.stream}\r\n` : undefined)
      return
    }
    case 'reset': {
      const way = directions[step.side][step.stream]!
      if (!way.sender.closed) way.reset = true
      way.sender.reset('TUN_ERR_VISITOR_GONE')
      return
    }
    case 'turn':
      pair.turn()
      return
    case 'wait':
      clock.nowMs += step.ms
      return
    case 'deliver': {
      const link = step.side === 'server' ? pair.serverLink : pair.agentLink
      link.pieceBytes = step.pieceBytes
      link.deliver()
      return
    }
    case 'break':
      pair[step.side].dropLink('broken')
      return
    case 'drop':
      pair.dropSilently(step.side)
      return
    case 'reconnect':
      pair.reconnect()
      return
    case 'redial':
      pair.redial()
      return
    case 'accept':
      pair.accept()
      return
    case 'answer':
      pair.answer()
      return
    case 'late':
      pair.deliverLate()
      return
    case 'stall':
      pair.stall(step.side, step.stalled)
  }
}

function checkAlways({ pair, directions }: World): void {
  assert.deepEqual([pair.closed.server, pair.closed.agent], [[], []])
  for (const way of [...directions.server, ...directions.agent]) {
    assert.ok(way.receiver.heldBytes <= MAX_BYTES, 'a receiver holds more than its window')
    const end = way.heard.events.findIndex((event) => event === 'end' || event === 'reset')
    if (end >= 0) assert.ok(end >= way.heard.events.length - 2, 'something came after the end')
  }
}

function checkAtTheEnd({ pair, directions, growthBudget, tuningBudget }: World): void {
  directions.server.forEach((there, i) => {
    const back = directions.agent[i]!
    const gaveUp = there.reset || back.reset
    for (const [way, other] of [[there, back] as const, [back, there] as const]) {
      const received = way.heard.bytes
      assert.ok(received.equals(way.bytes(0, received.length)), 'bytes came changed or out of order')
      if (!gaveUp) {
        assert.equal(received.length, way.written)
        assert.equal(way.heard.events.filter((event) => event === 'end').length, way.ended ? 1 : 0)
        assert.equal(way.heard.trailers, way.trailers)
      } else {
        assert.ok(received.length <= way.written)
        // An end is only ever heard when everything before it was.
        if (way.heard.events.includes('end')) assert.equal(received.length, way.written)
        if (way.reset && !other.reset && !way.heard.events.includes('reset')) {
          assert.ok(way.ended && other.ended, 'the other side never learnt of the reset')
        }
      }
    }
    const over = gaveUp || (there.ended && back.ended)
    assert.equal(there.sender.closed, over)
    assert.equal(there.receiver.closed, over)
  })
  const open = directions.server.filter(({ sender }) => !sender.closed).length
  assert.deepEqual([pair.server.streamCount, pair.agent.streamCount], [open, open])
  assert.ok(growthBudget.usedBytes <= open * 2 * (GROWN_BYTES - WINDOW_BYTES))
  assert.ok(tuningBudget.usedBytes >= 0 && tuningBudget.leftBytes >= 0)
  if (open === 0) assert.equal(tuningBudget.usedBytes, 0)
}

function finish({ pair, directions }: World): void {
  for (const link of [pair.serverLink, pair.agentLink]) {
    link.stalled = false
    link.pieceBytes = Number.POSITIVE_INFINITY
  }
  const all = [...directions.server, ...directions.agent]
  do {
    for (const { heard } of all) heard.read()
    pair.pump()
  } while (all.some(({ heard, receiver }) => heard.unread > 0 && !receiver.closed))
}

test('whatever is written, read, ended, reset, stalled and cut: each side sees exactly the bytes, in order', () => {
  const check = fc.property(fc.array(step, { minLength: 20, maxLength: 150 }), (script) => {
    const here = world()
    for (const each of script) {
      apply(here, each)
      checkAlways(here)
    }
    finish(here)
    checkAlways(here)
    checkAtTheEnd(here)
  })
  fc.assert(check, { numRuns: 400 })
})

test('wherever the link is cut, each stream has a clean beginning and one reset, and nothing ends that did not', () => {
  const check = fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), fc.nat(200_000), (script, cutAt) => {
    const here = world()
    here.pair.serverLink.cutAfterBytes(cutAt + 1)
    for (const each of script) apply(here, each)
    here.pair.serverLink.destroy()
    here.pair.pump()
    assert.deepEqual([here.pair.closed.server.length, here.pair.closed.agent.length], [1, 1])
    for (const way of [...here.directions.server, ...here.directions.agent]) {
      const received = way.heard.bytes
      assert.ok(received.equals(way.bytes(0, received.length)))
      assert.ok(way.sender.closed && way.receiver.closed)
      const ends = way.heard.events.filter((event) => event === 'end').length
      assert.ok(ends <= (way.ended ? 1 : 0))
      if (ends > 0) assert.equal(received.length, way.written)
      assert.ok(way.heard.events.filter((event) => event === 'reset').length <= 1)
    }
    assert.deepEqual([here.pair.server.heldBytes, here.pair.agent.heldBytes], [0, 0])
    assert.deepEqual([here.growthBudget.usedBytes, here.tuningBudget.usedBytes], [0, 0])
  })
  fc.assert(check, { numRuns: 200 })
})

test('however often links break, and whoever notices: every byte arrives once, in order, and what ends has ended', () => {
  const check = fc.property(fc.array(brokenStep, { minLength: 20, maxLength: 150 }), (script) => {
    const here = world(true)
    for (const each of script) {
      apply(here, each)
      checkAlways(here)
      const flying = STREAMS * GROWN_BYTES + TUNING_BYTES + 64 * 1024
      for (const { unacknowledgedBytes } of [here.pair.server, here.pair.agent]) {
        assert.ok(unacknowledgedBytes < 2 * flying, `${unacknowledgedBytes} bytes are kept`)
      }
    }
    here.pair.reconnect()
    finish(here)
    checkAlways(here)
    checkAtTheEnd(here)
  })
  fc.assert(check, { numRuns: 3_000 })
})
