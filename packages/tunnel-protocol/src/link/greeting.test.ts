import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameType } from '../constants.js'
import { TunnelError } from '../errors.js'
import { linkPair } from '../testing/link.js'
import { frame, framesIn } from '../testing/session-pair.js'
import { readGreeting, sendGoAway, sendGreeting } from './greeting.js'

function world() {
  const [ours, theirs] = linkPair()
  const greetings: Array<{ type: number; payload: string; rest: string }> = []
  const failures: TunnelError[] = []
  readGreeting(
    ours,
    (type, payload, bytes) => {
      const rest = bytes.subarray(10 + payload.length).toString()
      greetings.push({ type, payload: payload.toString(), rest })
    },
    (error) => failures.push(error),
  )
  const say = (bytes: Buffer, pieceBytes = Number.POSITIVE_INFINITY) => {
    theirs.pieceBytes = pieceBytes
    theirs.send([bytes])
    theirs.deliver()
  }
  return { ours, theirs, greetings, failures, say }
}

test('the first frame is found in pieces of any size, and what comes behind it is handed on', () => {
  for (const pieceBytes of [1, 7, 11, Number.POSITIVE_INFINITY]) {
    const { greetings, failures, say } = world()
    say(frame(FrameType.Control, 0, 0, '{"type":"hello"}'), pieceBytes)
    assert.deepEqual(greetings, [{ type: FrameType.Control, payload: '{"type":"hello"}', rest: '' }])
    assert.deepEqual(failures, [])
  }
  const { greetings, say } = world()
  say(Buffer.concat([frame(FrameType.GoAway, 0, 0, '1234'), Buffer.from('more')]))
  assert.deepEqual(greetings, [{ type: FrameType.GoAway, payload: '1234', rest: 'more' }])
})

for (const [what, bytes] of [
  ['a PING', frame(FrameType.Ping, 0, 0)],
  ['DATA', frame(FrameType.Data, 0, 1, 'x')],
  ['a control message that claims to be endless', Buffer.from('000000000000ffffffff', 'hex')],
] as const) {
  test(`a link that begins with ${what} is cut`, () => {
    const { ours, greetings, failures, say } = world()
    say(bytes)
    assert.deepEqual([greetings, failures.map(({ code }) => code), ours.closed], [[], ['TUN_ERR_PROTOCOL'], true])
  })
}

test('how long the first word takes is what the link takes there and back', (t) => {
  let nowMs = 100
  t.mock.method(performance, 'now', () => nowMs)
  const { ours, say } = world()
  const bytes = frame(FrameType.Control, 0, 0, '{"type":"hello"}')
  nowMs += 80
  say(bytes.subarray(0, 5))
  nowMs += 500
  say(bytes.subarray(5))
  assert.equal(ours.roundTripMs, 80)
})

test('a link that ends before it has said anything has failed, once', () => {
  const { theirs, greetings, failures, say } = world()
  say(Buffer.from([0, 0, 0]))
  theirs.destroy()
  assert.deepEqual([greetings, failures.map(({ code }) => code)], [[], ['TUN_ERR_SESSION_CLOSED']])
})

test('what is sent on a link without a session is one frame', () => {
  const [ours, theirs] = linkPair()
  const received: Buffer[] = []
  theirs.handler = { onBytes: (chunk) => received.push(chunk), onDrained() {}, onClosed() {} }
  sendGreeting(ours, { type: 'resume' })
  ours.deliver()
  sendGoAway(ours, new TunnelError('TUN_ERR_SESSION_CLOSED', 'the session is over'))
  const [greeting, goAway] = framesIn(Buffer.concat(received))
  assert.deepEqual([greeting?.type, greeting?.payload.toString()], [FrameType.Control, '{"type":"resume"}'])
  assert.deepEqual([goAway?.type, goAway?.payload.readUInt32BE(0)], [FrameType.GoAway, 19])
  assert.ok(ours.closed)
})
