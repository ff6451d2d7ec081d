import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameFlag, FrameType, LINK_HIGH_WATER_BYTES, MAX_FRAME_BYTES } from '../constants.js'
import { type ErrorCode, TunnelError } from '../errors.js'
import { linkPair } from '../testing/link.js'
import { frame, LoneSession, type PlainFrame, RecordingHandler, SessionPair, u32 } from '../testing/session-pair.js'
import { Session } from './session.js'

const KIB = 1024
const GET = 'GET / HTTP/1.1\r\nHost: demo\r\n'
const OK = 'HTTP/1.1 200 OK\r\n'
const openPayload = (head = GET) => Buffer.concat([Buffer.from([1]), u32(7), Buffer.from(head)])
const open = (id: number, flags = 0) => frame(FrameType.Open, flags, id, openPayload())
const data = (id: number, payload: Buffer | string, flags = 0) => frame(FrameType.Data, flags, id, payload)
const lost = () => new TunnelError('TUN_ERR_SESSION_CLOSED', 'test is over')

// One exchange

test('a stream opens with its kind, tunnel and head', () => {
  const pair = new SessionPair()
  pair.server.openStream(2, 0xffff_ffff, GET, true, new RecordingHandler())
  pair.pump()
  const { open, handler, stream } = pair.opened[0]!
  assert.deepEqual([open.kind, open.tunnel, open.head, open.bodyless], [2, 0xffff_ffff, GET, true])
  assert.deepEqual(handler.events, ['end'])
  assert.equal(stream.id, 1)
})

test('bodies and trailers go both ways, and a stream is gone when both sides have ended', () => {
  const pair = new SessionPair()
  const { near, stream, far } = pair.open()
  stream.write(Buffer.from('ques'))
  stream.write(Buffer.from('tion'))
  stream.end('X-Sum: 1\r\n')
  far.stream.sendHead(OK, false)
  far.stream.write(Buffer.from('answer'))
  pair.pump()
  assert.deepEqual(far.handler.events, ['data', 'trailers', 'end'])
  assert.equal(far.handler.bytes.toString(), 'question')
  assert.equal(far.handler.trailers, 'X-Sum: 1\r\n')
  assert.deepEqual([stream.state, far.stream.state], ['halfClosedLocal', 'halfClosedRemote'])

  far.stream.end()
  pair.pump()
  assert.deepEqual(near.events, ['head', 'data', 'end'])
  assert.equal(near.bytes.toString(), 'answer')
  assert.deepEqual([stream.state, far.stream.state], ['closed', 'closed'])
  assert.deepEqual([pair.server.streamCount, pair.agent.streamCount], [0, 0])
})

test('an exchange without bodies is three frames: open, head, and nothing else', () => {
  const agent = new LoneSession('agent')
  agent.onOpen = ({ stream }) => stream.sendHead(OK, true)
  agent.feed(open(1, FrameFlag.End))
  assert.deepEqual(agent.sent(), [
    { type: FrameType.Head, flags: FrameFlag.End, streamId: 1, payload: Buffer.from(OK) },
  ])
  assert.equal(agent.session.streamCount, 0)
})

test('the end rides on the last DATA frame', () => {
  const agent = new LoneSession('agent')
  agent.onOpen = ({ stream }) => {
    stream.sendHead(OK, false)
    stream.write(Buffer.from('hello'))
    stream.end()
  }
  agent.feed(open(1, FrameFlag.End))
  assert.deepEqual(
    agent.sent().map(({ type, flags }) => [type, flags]),
    [
      [FrameType.Head, 0],
      [FrameType.Data, FrameFlag.End],
    ],
  )
})

test('interim heads come before the final one', () => {
  const pair = new SessionPair()
  const { near, far } = pair.open()
  far.stream.sendInterim('HTTP/1.1 100 Continue\r\n')
  far.stream.sendInterim('HTTP/1.1 103 Early Hints\r\n')
  far.stream.sendHead(OK, true)
  pair.pump()
  assert.deepEqual(near.events, ['interim', 'interim', 'head', 'end'])
})

test('after its own end a side still receives, and what it writes goes nowhere', () => {
  const pair = new SessionPair()
  const { near, stream, far } = pair.open(GET, true)
  stream.write(Buffer.from('too late'))
  stream.end('X: 1\r\n')
  far.stream.sendHead(OK, false)
  far.stream.write(Buffer.from('still comes'))
  pair.pump()
  assert.deepEqual(far.handler.events, ['end'])
  assert.equal(near.bytes.toString(), 'still comes')
})

test('the agent may answer and end before the request body is over', () => {
  const pair = new SessionPair()
  const { near, stream, far } = pair.open()
  far.stream.sendHead(OK, true)
  pair.pump()
  stream.write(Buffer.from('rest'))
  stream.end()
  pair.pump()
  assert.deepEqual(near.events, ['head', 'end'])
  assert.equal(far.handler.bytes.toString(), 'rest')
  assert.equal(pair.server.streamCount + pair.agent.streamCount, 0)
})

test('a write is never cut short by the writer ending in the same turn', () => {
  const pair = new SessionPair()
  const { stream, far } = pair.open()
  const sent = Buffer.alloc(1_000 * KIB, 'abc')
  for (let i = 0; i < sent.length; i += 100 * KIB) stream.write(sent.subarray(i, i + 100 * KIB))
  stream.end()
  pair.pump()
  assert.ok(far.handler.bytes.equals(sent))
  assert.deepEqual(far.handler.events, ['data', 'end'])
})

// Resets

for (const side of ['server', 'agent'] as const) {
  test(`a reset by the ${side} reaches the other side with its code and words, and nothing comes after it`, () => {
    const pair = new SessionPair()
    const { near, stream, far } = pair.open()
    const [mine, theirs] = side === 'server' ? [stream, far.handler] : [far.stream, near]
    const [other, own] = side === 'server' ? [far.stream, near] : [stream, far.handler]
    mine.write(Buffer.alloc(10 * KIB))
    other.write(Buffer.alloc(10 * KIB))
    mine.reset('TUN_ERR_VISITOR_GONE', 'left')
    mine.reset('TUN_ERR_INTERNAL', 'twice')
    pair.pump()
    assert.deepEqual([theirs.error?.code, theirs.error?.detail], ['TUN_ERR_VISITOR_GONE', 'left'])
    assert.equal(theirs.events.at(-1), 'reset')
    assert.deepEqual(own.events, [])
    assert.deepEqual([mine.state, other.state], ['closed', 'closed'])
    assert.equal(pair.server.streamCount + pair.agent.streamCount, 0)
    assert.equal(other.write(Buffer.from('x')), true)
    other.end()
    pair.pump()
    assert.equal(pair.server.closed || pair.agent.closed, false)
  })
}

test('both sides may reset at the same moment', () => {
  const pair = new SessionPair()
  const { near, stream, far } = pair.open()
  stream.reset('TUN_ERR_VISITOR_GONE')
  far.stream.reset('TUN_ERR_ORIGIN_RESET')
  pair.pump()
  assert.deepEqual([near.events, far.handler.events], [[], []])
  assert.equal(pair.server.closed || pair.agent.closed, false)
})

test('a reset without words still has some for a person', () => {
  const pair = new SessionPair()
  const { near, far } = pair.open()
  far.stream.reset('TUN_ERR_ORIGIN_REFUSED')
  pair.pump()
  assert.equal(near.error?.message, 'TUN_ERR_ORIGIN_REFUSED: no reason given')
})

test('words of a reset are cut to 512 bytes, by sender and receiver', () => {
  const agent = new LoneSession('agent')
  agent.feed(open(1))
  agent.opened[0]!.stream.reset('TUN_ERR_ORIGIN_RESET', 'x'.repeat(300 * KIB))
  assert.equal(agent.sent()[0]!.payload.length, 4 + 512)

  agent.feed(open(2), frame(FrameType.Reset, 0, 2, Buffer.concat([u32(13), Buffer.alloc(10 * KIB, 'y')])))
  assert.equal(agent.opened[1]!.handler.error?.detail.length, 512)
})

test('a side that wants no more lets what it wrote go out first, then resets', () => {
  const pair = new SessionPair()
  const { near, stream, far } = pair.open()
  far.stream.sendHead(OK, false)
  far.stream.write(Buffer.alloc(300 * KIB))
  far.stream.stopReceiving('TUN_ERR_NO_BODY_NEEDED', 'enough')
  pair.pump()
  assert.deepEqual(near.events, ['head', 'data'])
  far.stream.end()
  pair.pump()
  assert.equal(near.bytes.length, 300 * KIB)
  assert.deepEqual(near.events, ['head', 'data', 'end', 'reset'])
  assert.equal(near.error?.code, 'TUN_ERR_NO_BODY_NEEDED')
  assert.deepEqual([stream.closed, pair.server.streamCount, pair.agent.streamCount], [true, 0, 0])
})

test('a side that wants no more after its own end resets at once, and after the end of the peer not at all', () => {
  const pair = new SessionPair()
  const ended = pair.open()
  ended.far.stream.sendHead(OK, true)
  ended.far.stream.stopReceiving('TUN_ERR_NO_BODY_NEEDED')
  pair.pump()
  assert.deepEqual(ended.near.events, ['head', 'end', 'reset'])

  const complete = pair.open(GET, true)
  complete.far.stream.stopReceiving('TUN_ERR_NO_BODY_NEEDED')
  complete.far.stream.sendHead(OK, true)
  pair.pump()
  assert.deepEqual(complete.near.events, ['head', 'end'])
})

test('a peer that ends while it is told to stop makes the reset unnecessary', () => {
  const pair = new SessionPair()
  const { near, stream, far } = pair.open()
  far.stream.stopReceiving('TUN_ERR_NO_BODY_NEEDED')
  stream.end()
  pair.pump()
  far.stream.sendHead(OK, true)
  pair.pump()
  assert.deepEqual(near.events, ['head', 'end'])
})

test('frames that arrive late for a closed stream are passed over', () => {
  const agent = new LoneSession('agent')
  agent.feed(open(1))
  agent.opened[0]!.stream.reset('TUN_ERR_ORIGIN_RESET')
  agent.feed(data(1, 'late'), frame(FrameType.Credit, 0, 1, u32(5)), frame(FrameType.Trailers, 1, 1, 'X: 1\r\n'))
  agent.feed(data(1, '', FrameFlag.End), frame(FrameType.Reset, 0, 1, u32(13)), open(2))
  assert.deepEqual(agent.opened[0]!.handler.events, [])
  assert.deepEqual(agent.closed, [])
  assert.equal(agent.opened.length, 2)
})

test('a handler that resets its stream from within onData hears nothing more', () => {
  const agent = new LoneSession('agent')
  agent.onOpen = ({ stream, handler }) => {
    handler.onData = () => stream.reset('TUN_ERR_ORIGIN_RESET')
  }
  agent.feed(open(1), data(1, 'x', FrameFlag.End))
  assert.deepEqual(agent.opened[0]!.handler.events, [])
  assert.deepEqual(agent.closed, [])
})

test('an agent that cannot serve a stream resets it with the reason it throws', () => {
  const pair = new SessionPair()
  pair.onOpen = () => {
    throw new TunnelError('TUN_ERR_ORIGIN_REFUSED', 'nothing on port 8080')
  }
  const { near } = pair.open()
  assert.equal(near.error?.code, 'TUN_ERR_ORIGIN_REFUSED')
  assert.equal(pair.agent.streamCount, 0)
})

test('an unforeseen failure while opening resets the stream and tells nothing of its cause', () => {
  const pair = new SessionPair()
  pair.onOpen = () => {
    throw new Error('secret')
  }
  const { near } = pair.open()
  assert.deepEqual([near.error?.code, near.error?.detail], ['TUN_ERR_INTERNAL', 'unexpected failure'])
})

// Credit

test('a slow reader is sent one window and no more, and the sender keeps the rest', () => {
  const windowBytes = 16 * KIB
  const pair = new SessionPair({ windowBytes })
  const { stream, far } = pair.open()
  far.handler.slow = true
  assert.equal(stream.write(Buffer.alloc(100 * KIB)), false)
  pair.pump()
  assert.equal(far.handler.bytes.length, windowBytes)
  assert.equal(far.stream.heldBytes, windowBytes)
  assert.equal(stream.pendingBytes, 84 * KIB)
  far.handler.read(windowBytes / 2)
  pair.pump()
  assert.equal(far.handler.bytes.length, windowBytes * 1.5)
  assert.equal(far.stream.heldBytes, windowBytes)
})

test('a stalled reader of one stream does not hold up another', () => {
  const pair = new SessionPair({ windowBytes: 16 * KIB })
  const stalled = pair.open()
  const other = pair.open()
  stalled.far.handler.slow = true
  stalled.stream.write(Buffer.alloc(1_000 * KIB))
  other.stream.write(Buffer.alloc(1_000 * KIB))
  other.stream.end()
  pair.pump()
  assert.equal(other.far.handler.bytes.length, 1_000 * KIB)
  assert.equal(stalled.far.handler.bytes.length, 16 * KIB)
})

/** Sends a body over a link whose answers take 50 ms. Returns the bytes that arrived in each of 20 round trips. */
function overLongLink(roundTripMs?: number): { pair: SessionPair; bytesPerTrip: number[] } {
  let nowMs = 0
  const pair = new SessionPair({ now: () => nowMs, ...(roundTripMs === undefined ? {} : { roundTripMs }) })
  const { near, far } = pair.open()
  far.stream.sendHead(OK, false)
  far.stream.write(Buffer.alloc(64 * 1024 * KIB))
  const bytesPerTrip: number[] = []
  for (let i = 0; i < 20; i++) {
    pair.stall('server', false)
    pair.serverLink.deliver()
    pair.stall('server', true)
    nowMs += 50
    for (let moved = true; moved; ) {
      moved = pair.turn()
      moved = pair.agentLink.deliver() || moved
    }
    bytesPerTrip.push(near.parts.splice(0).reduce((sum, { length }) => sum + length, 0))
  }
  return { pair, bytesPerTrip }
}

test('on a long link a stream whose reader keeps up soon has what it can hold on its way', () => {
  const { pair, bytesPerTrip } = overLongLink(50)
  assert.ok(Math.max(...bytesPerTrip) > 4_096 * KIB, `${bytesPerTrip}`)
  assert.deepEqual([pair.closed.server, pair.closed.agent], [[], []])
  assert.ok(pair.agent.receivedBytes < 4 * KIB, `${pair.agent.receivedBytes} bytes say so`)
})

test('on a short link it has 256 KiB at most, and so it has where nobody knows', () => {
  for (const known of [1, undefined]) assert.ok(Math.max(...overLongLink(known).bytesPerTrip) <= 256 * KIB)
})

test('what is known of a link comes from the words it began with and from pings, and goes with it', () => {
  const { session } = new LoneSession('server')
  const attach = (roundTripMs?: number) => {
    const [link] = linkPair()
    link.roundTripMs = roundTripMs
    session.attach(link)
  }
  attach(40)
  assert.equal(session.roundTrip.ms, 40)
  session.roundTrip.measured(30)
  session.roundTrip.measured(90)
  assert.equal(session.roundTrip.ms, 30)
  attach(100)
  assert.equal(session.roundTrip.ms, 100)
  attach()
  assert.equal(session.roundTrip.ms, undefined)
})

test('a peer that overspends its credit loses the session', () => {
  const agent = new LoneSession('agent', { windowBytes: 16 * KIB })
  agent.onOpen = ({ handler }) => {
    handler.slow = true
  }
  agent.feed(open(1), data(1, Buffer.alloc(16 * KIB)))
  assert.deepEqual(agent.closed, [])
  agent.feed(data(1, 'x'))
  assert.deepEqual(
    agent.closed.map(({ code }) => code),
    ['TUN_ERR_FLOW_CONTROL'],
  )
})

test('no credit is granted on a stream whose peer has ended or that is over', () => {
  const agent = new LoneSession('agent', { windowBytes: 16 * KIB })
  agent.onOpen = ({ handler }) => {
    handler.slow = true
  }
  agent.feed(open(1), open(2), data(1, Buffer.alloc(16 * KIB), FrameFlag.End), data(2, Buffer.alloc(16 * KIB)))
  agent.opened[1]!.stream.reset('TUN_ERR_ORIGIN_RESET')
  for (const { handler } of agent.opened) handler.read()
  assert.deepEqual(
    agent.sent().map(({ type }) => type),
    [FrameType.Reset, FrameType.Ack],
  )
})

test('the window the peer announced holds for streams opened later; nonsense is ignored', () => {
  const server = new LoneSession('server')
  for (const nonsense of [undefined, null, '65536', 1.5, -1, 0, 16 * KIB - 1, 16 * KIB * KIB + 1, Number.NaN]) {
    server.session.setPeerWindow(nonsense)
  }
  const sentOn = (bytes: number): number => {
    const stream = server.session.openStream(1, 0, GET, false, new RecordingHandler())
    stream.write(Buffer.alloc(bytes))
    return bytesOf(server.sent())
  }
  assert.equal(sentOn(1_000 * KIB), 256 * KIB)
  server.session.setPeerWindow(32 * KIB)
  assert.equal(sentOn(1_000 * KIB), 32 * KIB)
})

function bytesOf(frames: PlainFrame[]): number {
  return frames.filter(({ type }) => type === FrameType.Data).reduce((sum, { payload }) => sum + payload.length, 0)
}

// A link that takes nothing

test('a stalled link holds a bounded number of bytes, pauses the sources, and lets them go on afterwards', () => {
  const pair = new SessionPair({ windowBytes: 16 * KIB * KIB })
  const streams = [pair.open(), pair.open(), pair.open()]
  pair.serverLink.stalled = true
  const written = streams.map(({ stream }) => {
    let bytes = 0
    for (let paused = false; !paused; ) {
      paused = !stream.write(Buffer.alloc(16 * KIB, 'x'))
      bytes += 16 * KIB
      pair.pump()
      if (bytes > 2_000 * KIB) assert.fail('the source is never paused')
    }
    return bytes
  })
  assert.ok(pair.serverLink.bufferedBytes <= LINK_HIGH_WATER_BYTES + 70 * KIB)
  assert.ok(pair.server.heldBytes <= 3 * 80 * KIB)
  const drainsBefore = streams.map(({ near }) => near.drains)
  pair.serverLink.stalled = false
  pair.pump()
  streams.forEach(({ near, far }, i) => {
    assert.equal(far.handler.bytes.length, written[i])
    if (drainsBefore[i] === 0) assert.equal(near.drains, 1)
  })
  assert.ok(streams.some((_, i) => drainsBefore[i] === 0))
})

test('sources that go on whenever they may get everything through, however large', () => {
  const pair = new SessionPair()
  const { near, stream, far } = pair.open()
  let left = 5_000 * KIB
  const pour = () => {
    while (left > 0) {
      left -= 50 * KIB
      if (!stream.write(Buffer.alloc(50 * KIB))) return
    }
    stream.end()
  }
  near.onDrain = pour
  pour()
  pair.pump()
  assert.equal(far.handler.bytes.length, 5_000 * KIB)
  assert.equal(far.handler.events.at(-1), 'end')
})

test('a peer that causes answers and never reads them loses the session before memory grows', () => {
  const agent = new LoneSession('agent')
  const pings = Buffer.concat(Array.from({ length: 10_000 }, () => frame(FrameType.Ping, 0, 0, Buffer.alloc(64))))
  let held = 0
  for (let i = 0; i < 100 && agent.closed.length === 0; i++) {
    agent.feed(pings)
    held = Math.max(held, agent.session.heldBytes)
  }
  assert.equal(agent.closed[0]?.code, 'TUN_ERR_FLOW_CONTROL')
  assert.ok(held <= 17 * KIB * KIB)
  assert.equal(agent.session.heldBytes, 0)
})

test('heads that no link takes end the session, not the process', () => {
  const agent = new LoneSession('agent')
  agent.onOpen = ({ stream }) => stream.sendHead('x'.repeat(200 * KIB), true)
  for (let id = 1; id < 200; id++) agent.feed(open(id, FrameFlag.End))
  assert.deepEqual(
    agent.closed.map(({ code }) => code),
    ['TUN_ERR_FLOW_CONTROL'],
  )
  assert.equal(agent.opened.at(-1)!.handler.error?.code, 'TUN_ERR_FLOW_CONTROL')
})

test('small frames queued behind a stalled link go out in order once it moves', () => {
  const pair = new SessionPair()
  pair.serverLink.stalled = true
  const { stream } = { stream: pair.server.openStream(1, 0, GET, false, new RecordingHandler()) }
  stream.write(Buffer.alloc(300 * KIB))
  pair.pump()
  for (let i = 0; i < 50; i++) pair.server.sendControl({ type: 'n', i })
  pair.pump()
  pair.serverLink.stalled = false
  pair.pump()
  assert.deepEqual(
    pair.controls.agent,
    Array.from({ length: 50 }, (_, i) => ({ type: 'n', i })),
  )
})

// Frames over the limit are never sent

test('a request head over the limit of a frame is refused where it would be sent', () => {
  const pair = new SessionPair()
  const head = 'x'.repeat(MAX_FRAME_BYTES)
  assert.throws(() => pair.server.openStream(1, 0, head, true, new RecordingHandler()), {
    code: 'TUN_ERR_HEAD_TOO_LARGE',
  })
  assert.equal(pair.server.streamCount, 0)
  pair.open()
  assert.equal(pair.opened.length, 1)
})

const overLimit: Array<[string, (stream: import('./stream.js').Stream) => void]> = [
  ['response head', (stream) => stream.sendHead('x'.repeat(MAX_FRAME_BYTES + 1), false)],
  ['response head that ends', (stream) => stream.sendHead('x'.repeat(MAX_FRAME_BYTES + 1), true)],
  ['interim head', (stream) => stream.sendInterim('x'.repeat(MAX_FRAME_BYTES + 1))],
]
for (const [what, send] of overLimit) {
  test(`a ${what} over the limit of a frame resets its stream on both sides and leaves the session alone`, () => {
    const pair = new SessionPair()
    const { near, far } = pair.open()
    send(far.stream)
    pair.pump()
    assert.equal(near.error?.code, 'TUN_ERR_HEAD_TOO_LARGE')
    assert.equal(far.handler.error?.code, 'TUN_ERR_HEAD_TOO_LARGE')
    assert.equal(pair.server.closed || pair.agent.closed, false)
  })
}

test('trailers over the limit of a frame reset their stream', () => {
  const pair = new SessionPair()
  const { near, far } = pair.open()
  far.stream.sendHead(OK, false)
  far.stream.end('x'.repeat(MAX_FRAME_BYTES + 1))
  pair.pump()
  assert.equal(near.error?.code, 'TUN_ERR_HEAD_TOO_LARGE')
  assert.equal(pair.server.closed || pair.agent.closed, false)
})

// The session

test('control messages arrive as they were, both ways', () => {
  const pair = new SessionPair()
  pair.agent.sendControl({ type: 'hello', binds: [] })
  pair.server.sendControl({ type: 'welcome', é: ['ü', null] })
  pair.pump()
  assert.deepEqual(pair.controls, {
    server: [{ type: 'hello', binds: [] }],
    agent: [{ type: 'welcome', é: ['ü', null] }],
  })
})

test('a ping is answered once; an answer nobody waits for is ignored', () => {
  const pair = new SessionPair()
  let answers = 0
  pair.server.ping(() => answers++)
  pair.pump()
  assert.equal(answers, 1)
  for (const payload of ['', 'nobody asked', u32(1), u32(2)]) {
    pair.server.onBytes(frame(FrameType.Pong, 0, 0, payload))
  }
  assert.deepEqual([answers, pair.server.closed], [1, false])
})

test('a ping is returned with its payload, whatever that is', () => {
  const agent = new LoneSession('agent')
  agent.feed(frame(FrameType.Ping, 0, 0, 'one'))
  assert.deepEqual(
    agent
      .sent()
      .filter(({ type }) => type === FrameType.Pong)
      .map(({ payload }) => payload.toString()),
    ['one'],
  )
})

test('the answer to an old ping is not taken for that to the last one, nor one of an old link for one of the new', () => {
  const pair = new SessionPair({ resumable: true })
  const answered: string[] = []
  pair.server.ping(() => answered.push('first'))
  pair.server.ping(() => answered.push('second'))
  pair.pump()
  assert.deepEqual(answered, ['second'])
  pair.server.ping(() => answered.push('before the link broke'))
  pair.turn()
  pair.reconnect()
  pair.pump()
  assert.deepEqual(answered, ['second'])
})

test('a session says when its last stream is over, and not when it is over itself', () => {
  const idle: string[] = []
  const session = new Session({
    role: 'agent',
    handler: {
      onControl() {},
      onClose: () => idle.push('closed'),
      onOpen: () => new RecordingHandler(),
      onIdle: () => idle.push('idle'),
    },
  })
  const [link] = linkPair()
  session.attach(link)
  session.onBytes(Buffer.concat([open(1), open(2)]))
  session.onBytes(frame(FrameType.Reset, 0, 1, u32(13)))
  assert.deepEqual(idle, [])
  session.onBytes(frame(FrameType.Reset, 0, 2, u32(13)))
  assert.deepEqual(idle, ['idle'])
  session.onBytes(open(3))
  session.close(lost())
  assert.deepEqual(idle, ['idle', 'closed'])
})

test('unknown frame types are skipped, for the session and for streams that never were', () => {
  const agent = new LoneSession('agent')
  const unknown = Buffer.alloc(100 * KIB)
  agent.feed(frame(0x0f, 0xff, 0, unknown), frame(0x2a, 0, 99, unknown), frame(0xff, 0, 1), open(1))
  assert.deepEqual(agent.closed, [])
  assert.equal(agent.opened.length, 1)
})

test('unknown flags are ignored', () => {
  const agent = new LoneSession('agent')
  agent.feed(open(1, 0xfe), data(1, 'x', 0xfe))
  assert.deepEqual(agent.opened[0]!.handler.events, ['data'])
})

test('closing tells the peer why, resets every stream on both sides, and is told once', () => {
  const pair = new SessionPair()
  const streams = [pair.open(), pair.open(GET, true)]
  pair.server.close(new TunnelError('TUN_ERR_DRAINING', 'going down'))
  pair.server.close(lost())
  pair.pump()
  for (const { near, far } of streams) {
    assert.equal(near.error?.code, 'TUN_ERR_DRAINING')
    assert.equal(far.handler.error?.code, 'TUN_ERR_DRAINING')
  }
  assert.deepEqual(
    [...pair.closed.server, ...pair.closed.agent].map(({ message }) => message),
    ['TUN_ERR_DRAINING: going down', 'TUN_ERR_DRAINING: going down'],
  )
  assert.deepEqual([pair.server.streamCount, pair.agent.streamCount, pair.server.heldBytes], [0, 0, 0])
  assert.ok(pair.serverLink.closed)
})

test('what was queued before a close still arrives', () => {
  const pair = new SessionPair()
  pair.server.sendControl({ type: 'refused' })
  pair.server.close(new TunnelError('TUN_ERR_UNAUTHORIZED', 'who are you'))
  assert.deepEqual(pair.controls.agent, [{ type: 'refused' }])
  assert.equal(pair.closed.agent[0]?.code, 'TUN_ERR_UNAUTHORIZED')
})

test('a lost link resets every stream with TUN_ERR_SESSION_CLOSED, once on each side', () => {
  const pair = new SessionPair()
  const streams = [pair.open(), pair.open(), pair.open()]
  pair.serverLink.destroy()
  pair.pump()
  for (const { near, far, stream } of streams) {
    assert.deepEqual([near.error?.code, far.handler.error?.code], ['TUN_ERR_SESSION_CLOSED', 'TUN_ERR_SESSION_CLOSED'])
    stream.write(Buffer.from('x'))
    stream.end()
    stream.reset('TUN_ERR_INTERNAL')
  }
  pair.server.close(lost())
  pair.server.onClosed('again')
  assert.deepEqual([pair.closed.server.length, pair.closed.agent.length], [1, 1])
  assert.throws(() => pair.server.openStream(1, 0, GET, true, new RecordingHandler()), {
    code: 'TUN_ERR_SESSION_CLOSED',
  })
})

for (const cutAt of [0, 1, 9, 10, 11, 40, 1_000]) {
  test(`a link cut after ${cutAt} bytes passes nothing off as complete`, () => {
    const pair = new SessionPair()
    pair.serverLink.cutAfterBytes(cutAt)
    const near = new RecordingHandler()
    const stream = pair.server.openStream(1, 0, GET, false, near)
    stream.write(Buffer.alloc(2_000, 'y'))
    stream.end()
    pair.pump()
    for (const { handler } of pair.opened) {
      assert.equal(handler.events.includes('end'), false)
      assert.equal(handler.events.at(-1), 'reset')
    }
    assert.deepEqual([near.events, pair.closed.server.length, pair.closed.agent.length], [['reset'], 1, 1])
  })
}

test('a link attached to a session that is over is cut', () => {
  const pair = new SessionPair()
  pair.server.close(lost())
  const late = new SessionPair()
  pair.server.attach(late.serverLink)
  assert.ok(late.serverLink.closed)
})

test('a server does not open more streams than it may', () => {
  const pair = new SessionPair({ maxStreams: 2 })
  const first = pair.open()
  pair.open()
  assert.throws(() => pair.open(), { code: 'TUN_ERR_TOO_MANY_STREAMS' })
  first.stream.reset('TUN_ERR_VISITOR_GONE')
  pair.open()
  assert.equal(pair.opened.length, 3)
})

test('an agent refuses streams over its limit one by one, without asking its handler', () => {
  const agent = new LoneSession('agent', { maxStreams: 2 })
  agent.feed(open(1), open(2), open(3), open(4, FrameFlag.End))
  const resets = agent.sent().filter(({ type }) => type === FrameType.Reset)
  assert.deepEqual(
    resets.map(({ streamId, payload }) => [streamId, payload.readUInt32BE(0)]),
    [
      [3, 9],
      [4, 9],
    ],
  )
  assert.deepEqual([agent.opened.length, agent.session.streamCount, agent.closed.length], [2, 2, 0])
})

test('a session that ends while its handler opens a stream tells that stream too', () => {
  const agent = new LoneSession('agent')
  agent.onOpen = () => agent.session.close(lost())
  agent.feed(open(1))
  assert.equal(agent.opened[0]!.handler.error?.code, 'TUN_ERR_SESSION_CLOSED')
  assert.deepEqual(agent.opened[0]!.handler.events, ['reset'])
})

test('an unforeseen failure in a handler ends the session as an error of our own, and keeps the cause', () => {
  const agent = new LoneSession('agent')
  const cause = new Error('a bug')
  agent.onOpen = ({ handler }) => {
    handler.onData = () => {
      throw cause
    }
  }
  agent.feed(open(1), data(1, 'x'))
  assert.deepEqual([agent.closed[0]?.code, agent.closed[0]?.cause], ['TUN_ERR_INTERNAL', cause])
})

// Stream ids

test('stream ids may wrap: an id later in serial order is new, an earlier one is over', () => {
  const agent = new LoneSession('agent')
  agent.feed(open(1), open(0x7fff_ffff), open(0xffff_fffe), open(0xffff_ffff), open(2))
  assert.deepEqual(agent.closed, [])
  assert.deepEqual(
    agent.opened.map(({ stream }) => stream.id),
    [1, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff, 2],
  )
  agent.feed(data(0xffff_fff0, 'over long ago'), data(1, 'still open'))
  assert.deepEqual(agent.closed, [])
  assert.equal(agent.opened[0]!.handler.bytes.toString(), 'still open')
})

test('after a wrap, the id of a stream that is still open cannot be taken again', () => {
  const agent = new LoneSession('agent')
  agent.feed(open(1), open(0x7fff_ffff), open(0xffff_fffe), open(1))
  assert.deepEqual(
    agent.closed.map(({ code }) => code),
    ['TUN_ERR_PROTOCOL'],
  )
})

// What a peer may not do

const reset = (payload: Buffer | string) => frame(FrameType.Reset, 0, 1, payload)
const wrong: Array<[string, 'agent' | 'server', Buffer[], ErrorCode?]> = [
  ['DATA for a stream never opened', 'agent', [data(5, 'x')]],
  ['DATA on stream 0', 'agent', [data(0, 'x')]],
  ['CREDIT for a stream never opened', 'server', [frame(FrameType.Credit, 0, 2, u32(1))]],
  ['HEAD for a stream never opened', 'server', [frame(FrameType.Head, 0, 2, OK)]],
  ['OPEN with id 0', 'agent', [open(0)]],
  ['OPEN with the id of an open stream', 'agent', [open(1), open(1)]],
  ['OPEN with an earlier id', 'agent', [open(5), open(4)]],
  ['OPEN that is too short', 'agent', [frame(FrameType.Open, 0, 1, 'abcd')]],
  ['OPEN from an agent', 'server', [open(1)]],
  ['HEAD from a server', 'agent', [open(1), frame(FrameType.Head, 0, 1, OK)]],
  ['INTERIM from a server', 'agent', [open(1), frame(FrameType.Interim, 0, 1, OK)]],
  ['DATA before HEAD', 'server', [data(1, 'x')]],
  ['an end before HEAD', 'server', [data(1, '', FrameFlag.End)]],
  ['TRAILERS before HEAD', 'server', [frame(FrameType.Trailers, 1, 1, 'X: 1\r\n')]],
  ['a second HEAD', 'server', [frame(FrameType.Head, 0, 1, OK), frame(FrameType.Head, 0, 1, OK)]],
  ['INTERIM after HEAD', 'server', [frame(FrameType.Head, 0, 1, OK), frame(FrameType.Interim, 0, 1, OK)]],
  ['HEAD after the end', 'server', [frame(FrameType.Head, 1, 1, OK), frame(FrameType.Head, 0, 1, OK)]],
  ['DATA after the end', 'agent', [open(1, 1), data(1, 'x')]],
  ['a second end', 'agent', [open(1, 1), data(1, '', 1)]],
  ['an empty DATA frame after the end', 'agent', [open(1, 1), data(1, '')]],
  ['TRAILERS after the end', 'agent', [open(1), data(1, 'x', 1), frame(FrameType.Trailers, 1, 1, 'X: 1\r\n')]],
  ['CREDIT of 3 bytes', 'agent', [open(1), frame(FrameType.Credit, 0, 1, 'abc')]],
  ['CREDIT of 5 bytes', 'agent', [open(1), frame(FrameType.Credit, 0, 1, 'abcde')]],
  ['CREDIT over 2^31-1', 'agent', [open(1), frame(FrameType.Credit, 0, 1, u32(0x7fff_ffff))], 'TUN_ERR_FLOW_CONTROL'],
  ['RESET without a code', 'agent', [open(1), reset('abc')]],
  ['GO_AWAY without a code', 'agent', [frame(FrameType.GoAway, 0, 0, 'abc')]],
  ['PING over 64 bytes', 'agent', [frame(FrameType.Ping, 0, 0, Buffer.alloc(65))]],
  ['a control message that is not JSON', 'agent', [frame(FrameType.Control, 0, 0, '{')]],
  ['a control message that is a list', 'agent', [frame(FrameType.Control, 0, 0, '[]')]],
  ['a control message that is null', 'agent', [frame(FrameType.Control, 0, 0, 'null')]],
  ['a control message that is empty', 'agent', [frame(FrameType.Control, 0, 0)]],
]
for (const [what, role, bytes, code = 'TUN_ERR_PROTOCOL'] of wrong) {
  test(`${what} ends the ${role}'s session with ${code}, and the peer is told`, () => {
    const lone = new LoneSession(role)
    const near = new RecordingHandler()
    if (role === 'server') lone.session.openStream(1, 0, GET, false, near)
    lone.feed(...bytes)
    assert.deepEqual(
      lone.closed.map((error) => error.code),
      [code],
    )
    lone.feed(...bytes)
    assert.equal(lone.closed.length, 1)
    for (const handler of [near, ...lone.opened.map((each) => each.handler)]) {
      const at = handler.events.indexOf('reset')
      if (at >= 0) assert.equal(at, handler.events.length - 1)
    }
  })
}

test('words and code of a fault reach the peer in GO_AWAY', () => {
  const agent = new LoneSession('agent')
  agent.feed(open(1))
  agent.sent()
  agent.feed(data(2, 'x'))
  assert.deepEqual(
    agent
      .sent()
      .map(({ type, streamId, payload }) => [type, streamId, payload.readUInt32BE(0), payload.toString('utf8', 4)]),
    [[FrameType.GoAway, 0, 1, 'a frame for stream 2, which was never opened']],
  )
})

test('a control message nested as deep as it fits does no harm', () => {
  const agent = new LoneSession('agent')
  agent.feed(frame(FrameType.Control, 0, 0, '{"a":'.repeat(40_000)))
  assert.equal(agent.closed[0]?.code, 'TUN_ERR_PROTOCOL')
  const nested = new LoneSession('agent')
  nested.feed(frame(FrameType.Control, 0, 0, `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`))
  assert.equal(nested.closed.length + nested.controls.length, 1)
})

test('a peer that reads and acknowledges nothing loses the session before memory grows', () => {
  const lone = new LoneSession('server')
  const stream = lone.session.openStream(1, 1, 'POST / HTTP/1.1\r\n', false, new RecordingHandler())
  const part = Buffer.alloc(256 * 1024)
  for (let i = 0; i < 400 && lone.closed.length === 0; i++) {
    stream.write(part)
    lone.sent()
    lone.feed(frame(FrameType.Credit, 0, stream.id, u32(part.length)))
  }
  assert.equal(lone.closed[0]?.code, 'TUN_ERR_FLOW_CONTROL')
  assert.equal(lone.session.unacknowledgedBytes, 0)
})

test('a peer that acknowledges keeps the session, however much it reads', () => {
  const lone = new LoneSession('server')
  const stream = lone.session.openStream(1, 1, 'POST / HTTP/1.1\r\n', false, new RecordingHandler())
  const part = Buffer.alloc(256 * 1024)
  let received = 0
  for (let i = 0; i < 400; i++) {
    stream.write(part)
    for (const { payload } of lone.sent()) received += 10 + payload.length
    const ack = Buffer.alloc(8)
    ack.writeUInt32BE(received, 4)
    lone.feed(frame(FrameType.Ack, 0, 0, ack), frame(FrameType.Credit, 0, stream.id, u32(part.length)))
  }
  assert.deepEqual(lone.closed, [])
  assert.ok(lone.session.unacknowledgedBytes < 1024)
})

test('a session that ends with its link keeps nothing, acknowledges nothing, and heeds no acknowledgement', () => {
  const pair = new SessionPair({ resumable: true })
  const { stream, far } = pair.open()
  for (const session of [pair.server, pair.agent]) session.endWithLink()
  far.stream.sendHead(OK, false)
  for (let i = 0; i < 8; i++) {
    stream.write(Buffer.alloc(64 * 1024))
    far.stream.write(Buffer.alloc(64 * 1024))
    pair.pump()
    assert.deepEqual([pair.server.unacknowledgedBytes, pair.agent.unacknowledgedBytes], [0, 0])
  }
  pair.server.dropLink('cut')
  assert.deepEqual(
    pair.closed.server.map(({ code }) => code),
    ['TUN_ERR_SESSION_CLOSED'],
  )

  const lone = new LoneSession('agent')
  lone.session.endWithLink()
  lone.feed(open(1), data(1, Buffer.alloc(60_000)), data(1, Buffer.alloc(5_000)), frame(FrameType.Ping, 0, 0))
  lone.feed(frame(FrameType.Ack, 0, 0, Buffer.alloc(8, 1)))
  assert.ok(!lone.sent().some(({ type }) => type === FrameType.Ack))
  assert.deepEqual(lone.closed, [])
})
