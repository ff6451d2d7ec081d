import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameType } from '../constants.js'
import { RecordingHandler } from '../testing/session-pair.js'
import { Scheduler } from './scheduler.js'
import { Stream, type StreamOwner } from './stream.js'

const KIB = 1024

function world() {
  const scheduler = new Scheduler()
  const sent: Array<{ id: number; bytes: number; flags: number; type: number }> = []
  const owner = {
    congested: false as boolean,
    sendFrame() {},
    sendText() {},
    streamReady: (stream: Stream) => scheduler.add(stream),
    sendAtOnce: (stream: Stream) => scheduler.add(stream),
    streamClosed() {},
  } satisfies StreamOwner
  let lastId = 0
  return {
    owner,
    scheduler,
    sent,
    stream(credit = 1 << 30) {
      const handler = new RecordingHandler()
      const stream = new Stream(++lastId, owner, handler, credit, 1 << 20)
      return { stream, handler, id: stream.id }
    },
    run(room: number) {
      const from = sent.length
      scheduler.run(room, 64 * KIB, (type, flags, id, payload) => sent.push({ type, flags, id, bytes: payload.length }))
      scheduler.notifyDrained()
      return sent.slice(from)
    },
  }
}

test('a small stream beside bulk ones is served within one round', () => {
  const { stream, run } = world()
  const bulk = [stream(), stream(), stream(), stream()]
  for (const each of bulk) each.stream.write(Buffer.alloc(4_000 * KIB))
  run(256 * KIB)
  const small = stream()
  small.stream.write(Buffer.alloc(100))
  const turn = run(256 * KIB)
  const before = turn.slice(
    0,
    turn.findIndex((each) => each.id === small.id),
  )
  assert.ok(turn.some((each) => each.id === small.id))
  for (const each of bulk) {
    const bytes = before.filter(({ id }) => id === each.id).reduce((sum, { bytes }) => sum + bytes, 0)
    assert.ok(bytes <= 32 * KIB, `stream ${each.id} sent ${bytes} bytes first`)
  }
})

for (const streams of [2, 9, 40]) {
  for (const room of [1, 32 * KIB, 100 * KIB, 256 * KIB]) {
    test(`${streams} bulk streams and room for ${room} bytes a turn: all of them move at the same pace`, () => {
      const { stream, run, sent } = world()
      const all = Array.from({ length: streams }, () => stream())
      for (const each of all) each.stream.write(Buffer.alloc(10_000 * KIB))
      for (let turn = 0; turn < streams * 4; turn++) run(room)
      const bytes = all.map(({ id }) =>
        sent.filter((each) => each.id === id).reduce((sum, each) => sum + each.bytes, 0),
      )
      assert.ok(Math.max(...bytes) - Math.min(...bytes) <= 64 * KIB, `shares: ${bytes.join(' ')}`)
      assert.ok(Math.min(...bytes) > 0)
    })
  }
}

test('alone on the link, a stream goes out in whole frames', () => {
  const { stream, run } = world()
  stream().stream.write(Buffer.alloc(200 * KIB))
  assert.deepEqual(
    run(1_000 * KIB).map(({ bytes }) => bytes),
    [64 * KIB, 64 * KIB, 64 * KIB, 8 * KIB],
  )
})

test('a turn sends about as much as there is room, over by less than a frame', () => {
  const { stream, run, scheduler } = world()
  const bulk = stream()
  bulk.stream.write(Buffer.alloc(1_000 * KIB))
  const bytes = run(100 * KIB).reduce((sum, each) => sum + each.bytes, 0)
  assert.ok(bytes >= 100 * KIB && bytes < 164 * KIB)
  assert.ok(scheduler.waiting)
  assert.deepEqual(run(0), [])
})

test('a stream without credit leaves the queue and comes back with credit', () => {
  const { stream, run, scheduler } = world()
  const each = stream(10)
  each.stream.write(Buffer.alloc(30))
  assert.deepEqual(run(1_000), [{ type: FrameType.Data, flags: 0, id: each.id, bytes: 10 }])
  assert.equal(scheduler.waiting, false)
  each.stream.receiveCredit(5)
  assert.equal(run(1_000)[0]!.bytes, 5)
  each.stream.receiveCredit(100)
  each.stream.end()
  assert.deepEqual(run(1_000), [{ type: FrameType.Data, flags: 1, id: each.id, bytes: 15 }])
})

test('an end without bytes needs no credit', () => {
  const { stream, run } = world()
  const each = stream(0)
  each.stream.end('X: 1\r\n')
  assert.deepEqual(run(1_000), [{ type: FrameType.Trailers, flags: 1, id: each.id, bytes: 6 }])
})

test('a stream that was reset in the queue is passed over', () => {
  const { stream, run, scheduler } = world()
  const each = stream()
  each.stream.write(Buffer.alloc(30))
  each.stream.reset('TUN_ERR_VISITOR_GONE')
  assert.deepEqual(run(1_000), [])
  assert.equal(scheduler.waiting, false)
})

test('a source is asked to go on once all it wrote is out, and only if it was told to pause', () => {
  const { stream, run } = world()
  const small = stream()
  const bulk = stream()
  assert.equal(small.stream.write(Buffer.alloc(10)), true)
  assert.equal(bulk.stream.write(Buffer.alloc(300 * KIB)), false)
  run(64 * KIB)
  assert.equal(bulk.handler.drains, 0)
  run(1_000 * KIB)
  assert.equal(bulk.handler.drains, 1)
  assert.equal(small.handler.drains, 0)
})

test('a source may fill a turn with what leaves with it, and pauses early where that must wait', () => {
  const { stream, owner } = world()
  const free = stream()
  assert.equal(free.stream.write(Buffer.alloc(255 * KIB)), true)
  assert.equal(free.stream.write(Buffer.alloc(KIB)), false)
  assert.equal(stream(100 * KIB).stream.write(Buffer.alloc(100 * KIB)), true)
  assert.equal(stream(100 * KIB).stream.write(Buffer.alloc(101 * KIB)), false)
  assert.equal(stream(10).stream.write(Buffer.alloc(63 * KIB)), true)
  assert.equal(stream(10).stream.write(Buffer.alloc(64 * KIB)), false)
  owner.congested = true
  assert.equal(stream().stream.write(Buffer.alloc(64 * KIB)), false)
})
