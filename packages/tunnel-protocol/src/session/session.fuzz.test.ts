import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameType } from '../constants.js'
import { errorTable } from '../errors.js'
import { cut } from '../testing/cut.js'
import { cuts, fuzzing, mutate, mutations } from '../testing/fuzz.js'
import {
  frame,
  framesIn,
  LoneSession,
  type OpenedStream,
  RecordingHandler,
  SessionPair,
  u32,
} from '../testing/session-pair.js'

const MAX_STREAMS = 8
const WINDOW_BYTES = 16 * 1024
const MIB = 1024 * 1024
const OK = 'HTTP/1.1 200 OK\r\n'

/** What a local app might be doing meanwhile, chosen by the stream's id so that a failing case repeats. */
function answer({ stream, handler }: OpenedStream): void {
  switch (stream.id % 5) {
    case 0:
      handler.slow = true
      return
    case 1:
      stream.sendHead(OK, true)
      return
    case 2:
      stream.sendHead(OK, false)
      stream.write(Buffer.alloc(20_000))
      stream.end('X: 1\r\n')
      return
    case 3:
      handler.onData = () => stream.reset('TUN_ERR_ORIGIN_RESET', 'enough')
      return
    default:
      handler.onEnd = () => stream.sendHead(OK, true)
  }
}

/** Feed `chunks` to a session of either role and look at what must hold whatever they are. */
function survive(chunks: Buffer[]): void {
  for (const role of ['server', 'agent'] as const) {
    const lone = new LoneSession(role, { maxStreams: MAX_STREAMS, windowBytes: WINDOW_BYTES })
    lone.onOpen = answer
    const handlers: RecordingHandler[] = []
    if (role === 'server') {
      for (let i = 0; i < 6; i++) {
        const near = new RecordingHandler()
        near.slow = i % 3 === 0
        near.stream = lone.session.openStream(1, 0, 'GET / HTTP/1.1\r\n', i % 2 === 0, near)
        near.stream.write(Buffer.alloc(1_000))
        handlers.push(near)
      }
    }
    chunks.forEach((chunk, i) => {
      lone.feed(chunk)
      if (i % 3 === 0) lone.turn()
      assert.ok(lone.session.heldBytes <= MAX_STREAMS * (WINDOW_BYTES + 20_000) + MIB, 'too much is held')
      assert.ok(lone.session.streamCount <= MAX_STREAMS)
    })
    assert.ok(lone.closed.length <= 1, 'closed twice')
    const [error] = lone.closed
    if (error !== undefined) {
      assert.ok(error.code in errorTable)
      assert.equal(error.cause, undefined, `a failure of our own: ${(error.cause as Error)?.stack}`)
      assert.deepEqual([lone.session.heldBytes, lone.session.streamCount], [0, 0])
    }
    for (const { events } of [...handlers, ...lone.opened.map((each) => each.handler)]) {
      const reset = events.indexOf('reset')
      assert.ok(reset < 0 || reset === events.length - 1, `after a reset: ${events.join(' ')}`)
      assert.ok(events.filter((event) => event === 'end').length <= 1)
      assert.ok(events.filter((event) => event === 'head').length <= 1)
    }
    lone.session.onClosed('the test is over')
    assert.equal(lone.closed.length, 1)
  }
}

test('random bytes never do more than end one session', () => {
  const check = fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, at) =>
    survive(cut(Buffer.from(bytes), at)),
  )
  fc.assert(check, fuzzing(1_000))
})

// Structured frames: mostly plausible, so that they get past the first check.

const streamId = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 7 }) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff) },
)
const flags = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(0, 1) }, { weight: 1, arbitrary: fc.nat(255) })
const noise = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes))
const json = fc
  .oneof(
    fc.json(),
    fc.constantFrom('', '{', 'null', '[]', '"hello"', '{}', '{"type":"hello","binds":[{}]}', '{"__proto__":{"x":1}}'),
    fc.record({ type: fc.constantFrom('hello', 'welcome', 'bound', 'x') }).map((message) => JSON.stringify(message)),
  )
  .map((text) => Buffer.from(text))
const head = fc.constantFrom(Buffer.from(OK), Buffer.from('HTTP/1.1 100 Continue\r\n'), Buffer.alloc(0))
const withCode = fc.tuple(fc.nat(30), noise).map(([code, words]) => Buffer.concat([u32(code), words]))
const openPayload = fc
  .tuple(fc.nat(255), fc.nat(0xffff_ffff), noise)
  .map(([kind, tunnel, text]) => Buffer.concat([Buffer.from([kind]), u32(tunnel), text]))
const bulk = fc.nat(20_000).map((bytes) => Buffer.alloc(bytes))
const credit = fc.oneof(fc.nat(40_000), fc.constantFrom(0x7fff_ffff, 0xffff_ffff)).map(u32)

const likely: Array<[number, fc.Arbitrary<Buffer>]> = [
  [FrameType.Control, json],
  [FrameType.Ping, noise],
  [FrameType.Pong, noise],
  [FrameType.Open, openPayload],
  [FrameType.Open, openPayload],
  [FrameType.Head, head],
  [FrameType.Interim, head],
  [FrameType.Data, noise],
  [FrameType.Data, bulk],
  [FrameType.Trailers, noise],
  [FrameType.Reset, withCode],
  [FrameType.Credit, credit],
]
const plausible = fc
  .tuple(fc.nat(likely.length - 1), flags, streamId)
  .chain(([i, flag, id]) => likely[i]![1].map((payload) => frame(likely[i]![0], flag, id, payload)))
const odd = fc.oneof(
  fc.tuple(fc.nat(255), flags, streamId, noise).map(([type, flag, id, payload]) => frame(type, flag, id, payload)),
  // The payload of another type, or too short for its own.
  fc
    .tuple(
      fc.constantFrom(...Object.values(FrameType)),
      flags,
      streamId,
      fc.oneof(fc.uint8Array({ maxLength: 5 }), json),
    )
    .map(([type, flag, id, payload]) => frame(type, flag, id, Buffer.from(payload))),
  withCode.map((payload) => frame(FrameType.GoAway, 0, 0, payload)),
  // A length that does not fit the payload: what follows is read out of step.
  fc.tuple(plausible, fc.oneof(fc.nat(50), fc.nat(0xffff_ffff))).map(([bytes, length]) => {
    bytes.writeUInt32BE(length, 6)
    return bytes
  }),
)
const frames = fc.array(fc.oneof({ weight: 20, arbitrary: plausible }, { weight: 1, arbitrary: odd }), {
  minLength: 3,
  maxLength: 40,
})

test('random frames never do more than end one session', () => {
  const check = fc.property(frames, cuts, (list, at) => survive(cut(Buffer.concat(list), at)))
  fc.assert(check, fuzzing(3_000))
})

/** What a server and an agent really said to each other, each side's bytes in one piece. */
function conversation(): Record<'toAgent' | 'toServer', Buffer> {
  const pair = new SessionPair({ windowBytes: WINDOW_BYTES })
  const said = { toAgent: [] as Buffer[], toServer: [] as Buffer[] }
  for (const [link, to] of [[pair.serverLink, said.toAgent] as const, [pair.agentLink, said.toServer] as const]) {
    const send = link.send.bind(link)
    link.send = (parts) => {
      to.push(...parts.map((part) => Buffer.from(part)))
      send(parts)
    }
  }
  pair.onOpen = answer
  pair.agent.sendControl({ type: 'hello', binds: [{ tunnel: 1 }] })
  pair.server.sendControl({ type: 'welcome', session: 's', window: WINDOW_BYTES })
  for (let i = 0; i < 6; i++) {
    const { stream } = pair.open('POST / HTTP/1.1\r\nHost: demo\r\n')
    stream.write(Buffer.alloc(3_000, i))
    stream.end(i % 2 === 0 ? 'X: 1\r\n' : undefined)
    pair.pump()
  }
  return { toAgent: withoutAcks(said.toAgent), toServer: withoutAcks(said.toServer) }
}

/** A session that has sent nothing yet takes no acknowledgement. */
function withoutAcks(bytes: Buffer[]): Buffer {
  const frames = framesIn(Buffer.concat(bytes)).filter(({ type }) => type !== FrameType.Ack)
  return Buffer.concat(frames.map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload)))
}

const valid = conversation()
const mutation = mutations(40_000, ['flip', 'set', 'insert', 'remove', 'repeat'])

test('the conversation that is mutated is long, and harmless as it is', () => {
  assert.ok(valid.toAgent.length > 18_000 && valid.toServer.length > 10_000)
  survive([valid.toAgent])
  const agent = new LoneSession('agent')
  agent.feed(valid.toAgent)
  assert.deepEqual(agent.closed, [])
})

for (const direction of ['toAgent', 'toServer'] as const) {
  test(`a mutated conversation ${direction} never does more than end one session`, () => {
    const check = fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), cuts, (list, at) =>
      survive(cut(mutate(valid[direction], list), at)),
    )
    fc.assert(check, fuzzing(1_500))
  })
}
