import assert from 'node:assert/strict'
import { test } from 'node:test'
import { frameHeader, Opcode } from 'tunnel-protocol'
import type { FakeSocket } from '../testing/fake-socket.js'
import { VisitorWorld } from '../testing/visitor-world.js'

const GET = 'GET /a HTTP/1.1\r\nHost: demo.example.com\r\n\r\n'
const LARGE = Buffer.alloc(70_000, 'x')
const MASK = Buffer.from([1, 2, 3, 4])

async function ask(world: VisitorWorld, text: string): Promise<FakeSocket> {
  const visitor = world.visitor()
  visitor.say(text)
  await world.settle()
  return visitor
}

async function upgrade(world: VisitorWorld, protocol: string): Promise<FakeSocket> {
  const lines = `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`
  const visitor = await ask(world, GET.replace('\r\n\r\n', `\r\n${lines}\r\n`))
  const { stream } = world.pair.opened.at(-1)!
  stream.sendHead(`HTTP/1.1 101 Switching Protocols\r\n${lines}`, false)
  await world.settle()
  visitor.received = ''
  return visitor
}

/** A frame of the app's. */
function frame(text: string): Buffer {
  return Buffer.concat([frameHeader(Opcode.Text, text.length, undefined), Buffer.from(text)])
}

const RESTART = Buffer.from([0x88, 2, 0x03, 0xf4]).toString('latin1')

test('a server that shuts down cuts no answer that is still being read', async () => {
  const world = new VisitorWorld()
  const visitor = await ask(world, GET)
  visitor.stuck = true
  await world.answer(0, LARGE)
  world.drain()
  await world.pass(5_000)
  visitor.stuck = false
  await world.settle()
  assert.ok(visitor.received.endsWith(LARGE.toString()))
  await world.pass(4_000)
  assert.ok(visitor.writableEnded)
})

test('a request that was on its way when the shutdown began is served, and its answer says that it is the last', async () => {
  const world = new VisitorWorld()
  const [used, fresh, silent, headless] = [await ask(world, GET), world.visitor(), world.visitor(), world.visitor()]
  await world.answer(0, 'before')
  headless.say('GET /a HT')
  await world.settle()
  world.drain()
  await world.pass(1_000)
  assert.ok(![used, fresh, silent].some(({ writableEnded }) => writableEnded))
  for (const [index, visitor] of [used, fresh].entries()) {
    visitor.say(GET)
    await world.settle()
    await world.answer(index + 1, 'after')
    assert.match(visitor.received, /HTTP\/1\.1 200 OK\r\n.*Connection: close\r\n\r\nafter$/s)
    assert.ok(visitor.writableEnded)
  }
  await world.pass(4_000)
  assert.deepEqual([silent.received, silent.writableEnded], ['', true])
  assert.ok(!headless.writableEnded)
  headless.say(GET.slice('GET /a HT'.length))
  await world.settle()
  await world.answer(3, 'at last')
  assert.match(headless.received, /at last$/)
})

test('when the time to drain is over, each visitor is told as clearly as there is still a way', async () => {
  const world = new VisitorWorld()
  const unanswered = await ask(world, GET)
  const begun = await ask(world, GET)
  world.pair.opened[1]!.stream.sendHead('HTTP/1.1 200 OK\r\n', false)
  const raw = await upgrade(world, 'x')
  world.holder.attached = false
  const parked = await ask(world, GET)
  const idle = world.visitor()
  world.drain()
  await world.evict()
  for (const visitor of [unanswered, parked]) {
    assert.match(
      visitor.received,
      /^HTTP\/1\.1 503 .*X-Tunnel-Error: TUN_ERR_DRAINING\r\nRetry-After: 1\r\n.*Connection: close\r\n/s,
    )
    assert.ok(visitor.writableEnded)
  }
  assert.ok(begun.wasReset && raw.wasReset)
  assert.ok(idle.writableEnded)
  assert.deepEqual(
    world.pair.opened.map(({ handler }) => handler.error?.code),
    ['TUN_ERR_DRAINING', 'TUN_ERR_DRAINING', 'TUN_ERR_DRAINING'],
  )
  assert.equal(world.admission.visitors, 0)
})

test('a WebSocket gets 1012 between two frames, and what the visitor answers goes to the app', async () => {
  const world = new VisitorWorld()
  const visitor = await upgrade(world, 'WebSocket')
  const { stream, handler } = world.pair.opened[0]!
  stream.write(frame('hello'))
  await world.settle()
  await world.evict()
  assert.equal(visitor.received, `${frame('hello').toString('latin1')}${RESTART}`)
  assert.ok(visitor.writableEnded)
  stream.write(frame('too late'))
  const reply = Buffer.concat([frameHeader(Opcode.Close, 2, MASK), Buffer.from([2, 0xf6])])
  visitor.say(reply.toString('latin1'))
  visitor.sayEnd()
  await world.settle()
  assert.deepEqual(handler.bytes, reply)
  assert.deepEqual([handler.events, handler.error], [['data', 'end'], undefined])
  stream.end()
  await world.settle()
  assert.ok(visitor.received.endsWith(RESTART) && visitor.destroyed && !visitor.wasReset)
  assert.equal(world.admission.visitors, 0)
})

test('in the middle of a frame 1012 waits for its end; where that does not come, the connection breaks', async () => {
  const world = new VisitorWorld()
  const long = frame('x'.repeat(300)).toString('latin1')
  const [whole, half, slow] = [
    await upgrade(world, 'websocket'),
    await upgrade(world, 'websocket'),
    await upgrade(world, 'websocket'),
  ]
  for (const { stream } of world.pair.opened) stream.write(Buffer.from(long.slice(0, 3), 'latin1'))
  await world.settle()
  slow.stuck = true
  await world.evict()
  assert.deepEqual(
    [whole, half].map(({ received }) => received),
    [long.slice(0, 3), long.slice(0, 3)],
  )
  for (const i of [0, 2]) world.pair.opened[i]!.stream.write(Buffer.from(`${long.slice(3)}more`, 'latin1'))
  await world.settle()
  slow.stuck = false
  await world.settle()
  for (const visitor of [whole, slow]) assert.equal(visitor.received, `${long}${RESTART}`)
  await world.pass(4_000)
  assert.ok(half.destroyed)
  assert.equal(half.received, long.slice(0, 3))
  assert.equal(world.admission.visitors, 0)
})

test('a WebSocket whose app has just ended or broken it gets no second end', async () => {
  const world = new VisitorWorld()
  const [ended, broken] = [await upgrade(world, 'websocket'), await upgrade(world, 'websocket')]
  world.pair.opened[0]!.stream.end()
  await world.settle()
  assert.ok(ended.writableEnded)
  await world.evict()
  world.pair.opened[1]!.stream.reset('TUN_ERR_ORIGIN_RESET', 'gone')
  await world.settle()
  await world.pass(4_000)
  assert.equal(ended.received, '')
  assert.equal(broken.received, RESTART)
  assert.ok(!broken.wasReset)
})
