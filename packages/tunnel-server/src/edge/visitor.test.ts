import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FakeSocket } from '../testing/fake-socket.js'
import { VisitorWorld } from '../testing/visitor-world.js'

const GET = 'GET /a HTTP/1.1\r\nHost: demo.example.com\r\n\r\n'
const POST = 'POST /b HTTP/1.1\r\nHost: demo.example.com\r\nContent-Length: 10\r\n\r\n'
const UPGRADE = 'GET /c HTTP/1.1\r\nHost: demo.example.com\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
const HOUR = 3_600_000
const LARGE = Buffer.alloc(70_000, 'x')

async function ask(world: VisitorWorld, text: string, remoteAddress?: string): Promise<FakeSocket> {
  const visitor = world.visitor(remoteAddress)
  visitor.say(text)
  await world.settle()
  return visitor
}

test('a request that waits for the app, and a stream that drips, wait for an hour and more', async () => {
  const world = new VisitorWorld()
  const waiting = await ask(world, GET)
  const dripping = await ask(world, GET)
  const { stream } = world.pair.opened[1]!
  stream.sendHead(Buffer.from('HTTP/1.1 200 OK\r\n'), false)
  for (let minutes = 0; minutes < 65; minutes++) {
    await world.pass(60_000)
    stream.write(Buffer.from('.'))
    await world.settle()
  }
  assert.ok(!waiting.destroyed && !dripping.destroyed)
  await world.answer(0, 'at last')
  assert.match(waiting.received, /^HTTP\/1\.1 200 OK\r\n.*at last$/s)
  assert.equal(dripping.received.split('.').length, 65 + 2) // and the one of the version
})

test('an upgraded connection may be silent for an hour', async () => {
  const world = new VisitorWorld()
  const visitor = await ask(world, UPGRADE)
  world.pair.opened[0]!.stream.sendHead(Buffer.from('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n'), false)
  await world.pass(HOUR)
  visitor.say('hello')
  await world.settle()
  assert.equal(world.pair.opened[0]!.handler.bytes.toString(), 'hello')
})

test('with an idle time-out, what carries nothing ends: 504 before the answer, a reset after', async () => {
  const world = new VisitorWorld({ idleTimeoutMs: 60_000 })
  const [early, late, dripping] = [await ask(world, GET), await ask(world, GET), await ask(world, GET)]
  for (const i of [1, 2]) world.pair.opened[i]!.stream.sendHead(Buffer.from('HTTP/1.1 200 OK\r\n'), false)
  await world.settle()
  for (let i = 0; i < 3; i++) {
    await world.pass(30_000)
    world.pair.opened[2]!.stream.write(Buffer.from('.'))
    await world.settle()
  }
  assert.match(early.received, /^HTTP\/1\.1 504 .*x-tunnel-error: TUN_ERR_ORIGIN_TIMEOUT\r\n/is)
  assert.ok(late.wasReset)
  assert.ok(!dripping.destroyed)
  assert.equal(world.pair.opened[0]!.handler.error?.code, 'TUN_ERR_ORIGIN_TIMEOUT')
})

test('a visitor who owes a body and sends nothing gets 408; one whose body the app does not take waits', async () => {
  const world = new VisitorWorld({ visitorTimeoutMs: 60_000 })
  const lazy = await ask(world, `${POST}12345`)
  const slow = await ask(world, POST)
  const blocked = await ask(world, POST.replace('10', '1000000'))
  world.pair.serverLink.stalled = true
  blocked.say('x'.repeat(200_000))
  await world.settle()
  assert.ok(blocked.isPaused())
  for (let i = 0; i < 3; i++) {
    await world.pass(50_000)
    slow.say('.')
  }
  assert.match(lazy.received, /^HTTP\/1\.1 408 .*x-tunnel-error: TUN_ERR_REQUEST_TIMEOUT\r\n/is)
  assert.ok(lazy.destroyed)
  assert.ok(!slow.destroyed && !blocked.destroyed)
  world.pair.serverLink.stalled = false
  await world.settle()
  assert.equal(world.pair.opened[0]!.handler.error?.code, 'TUN_ERR_VISITOR_GONE')
  assert.equal(world.pair.opened[2]!.handler.bytes.length, 200_000)
})

test('a visitor who reads nothing is given up in the end, one who reads slowly is not', async () => {
  const world = new VisitorWorld({ visitorTimeoutMs: 60_000 })
  const [stuck, slow] = [await ask(world, GET), await ask(world, GET)]
  for (const visitor of [stuck, slow]) visitor.stuck = true
  await world.answer(0, LARGE)
  await world.answer(1, LARGE)
  for (let i = 0; i < 4; i++) {
    await world.pass(50_000)
    if (i === 0) assert.ok(!stuck.destroyed)
    slow.readOnce()
    await world.settle()
  }
  assert.ok(stuck.wasReset)
  assert.ok(!slow.destroyed)
  slow.stuck = false
  await world.settle()
  assert.ok(slow.received.endsWith(LARGE.toString()))
})

for (const [what, request] of [
  ['stays open', GET],
  ['is closed behind it', GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')],
] as const) {
  test(`the last answer of a connection that ${what} waits for a slow reader, for as long as he reads`, async () => {
    const world = new VisitorWorld({ keepAliveMs: 5_000, visitorTimeoutMs: 0 })
    const visitor = await ask(world, request)
    visitor.stuck = true
    await world.answer(0, LARGE)
    await world.pass(HOUR)
    assert.ok(!visitor.destroyed)
    visitor.stuck = false
    await world.settle()
    assert.ok(visitor.received.endsWith(LARGE.toString()))
    await world.pass(10_000)
    assert.ok(visitor.destroyed)
  })
}

test('who asks on and on and reads nothing gets a few answers, and the others once he reads', async () => {
  const world = new VisitorWorld()
  world.pair.onOpen = ({ stream }) => {
    stream.sendHead(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n'), false)
    stream.write(Buffer.alloc(10_000, 'x'))
    stream.end()
  }
  const visitor = world.visitor()
  visitor.stuck = true
  visitor.say(GET.repeat(100))
  for (let i = 0; i < 100; i++) await world.settle()
  assert.ok(world.requests.length <= 7, `${world.requests.length} requests were answered to nobody`)
  visitor.stuck = false
  for (let i = 0; i < 100; i++) await world.settle()
  assert.equal(visitor.received.split('HTTP/1.1 200').length - 1, 100)
})

test('a thousand requests that are refused take a turn each, and are all answered', async () => {
  const world = new VisitorWorld()
  const visitor = world.visitor()
  visitor.say('GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n'.repeat(1_000))
  const answers = () => visitor.received.split('HTTP/1.1 404').length - 1
  assert.ok(answers() <= 1)
  let turns = 0
  for (; answers() < 1_000; turns++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(turns >= 500, `${turns} turns`)
})

test('a connection on which nothing is ever sent gets 408, an idle one between requests just ends', async () => {
  const world = new VisitorWorld()
  const [silent, partial, idle] = [world.visitor(), world.visitor(), await ask(world, GET)]
  partial.say('GET / HT')
  await world.answer(0, 'hi')
  await world.pass(40_000)
  for (const visitor of [silent, partial]) {
    assert.match(visitor.received, /^HTTP\/1\.1 408 .*x-tunnel-error: TUN_ERR_REQUEST_TIMEOUT\r\n/is)
    assert.ok(visitor.destroyed)
  }
  assert.ok(!idle.destroyed)
  await world.pass(120_000)
  assert.ok(idle.destroyed)
  assert.doesNotMatch(idle.received, /408/)
})

test('a body may be at its limit; beyond, the visitor gets 413 and the app hears of it or never sees it', async () => {
  const world = new VisitorWorld({ maxBodyBytes: 10 })
  const chunked = POST.replace('Content-Length: 10', 'Transfer-Encoding: chunked')
  await ask(world, `${POST}1234567890`)
  await ask(world, `${chunked}5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n`)
  const announced = await ask(world, POST.replace('10', '11'))
  const found = await ask(world, `${chunked}5\r\n12345\r\n6\r\n678901\r\n0\r\n\r\n${GET}`)
  assert.equal(world.requests.length, 3)
  assert.deepEqual(
    world.pair.opened.map(({ handler }) => handler.error?.code ?? handler.bytes.toString()),
    ['1234567890', '1234567890', 'TUN_ERR_BODY_TOO_LARGE'],
  )
  for (const visitor of [announced, found]) {
    assert.match(visitor.received, /^HTTP\/1\.1 413 .*\r\nConnection: close\r\n/s)
    assert.ok(visitor.writableEnded)
  }
})

test('what counts against a limit is free again, however an exchange ends', async () => {
  const world = new VisitorWorld()
  const { pair } = world
  const done = await ask(world, GET)
  await world.answer(0, 'x')
  const left = await ask(world, GET)
  left.sayEnd()
  const broken = await ask(world, GET)
  pair.opened[2]!.stream.sendHead(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n'), false)
  pair.opened[2]!.stream.reset('TUN_ERR_ORIGIN_RESET')
  const refused = await ask(world, GET)
  pair.opened[3]!.stream.reset('TUN_ERR_ORIGIN_REFUSED')
  const malformed = await ask(world, POST.replace('Content-Length: 10', 'Transfer-Encoding: chunked').concat('zz\r\n'))
  const early = await ask(world, POST)
  await world.answer(5, 'no more, thank you')
  pair.opened[5]!.stream.stopReceiving('TUN_ERR_NO_BODY_NEEDED')
  const tooBusy = await ask(world, UPGRADE)
  await world.settle()
  assert.equal(world.admission.visitors, 1) // the upgrade
  tooBusy.destroy()
  await world.settle()
  const closed = await ask(world, UPGRADE)
  const upgraded = pair.opened[7]!.stream
  upgraded.sendHead(Buffer.from('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n'), false)
  upgraded.end()
  await world.settle()
  assert.equal(world.admission.visitors, 1)
  closed.sayEnd()
  await world.settle()
  assert.ok(closed.destroyed)
  assert.equal(world.admission.visitors, 0)
  assert.equal(world.registry.find('demo')!.streams, 0)
  assert.equal(pair.server.streamCount, 0)
  assert.ok(broken.wasReset)
  for (const visitor of [done, refused]) assert.ok(!visitor.destroyed)
  for (const visitor of [malformed, early]) assert.ok(visitor.writableEnded)
})

test('behind a trusted proxy each visitor has a limit of its own, otherwise the peer has', async () => {
  const world = new VisitorWorld({ maxStreamsPerVisitor: 1 })
  const from = (address: string) => GET.replace('\r\n\r\n', `\r\nX-Forwarded-For: ${address}\r\n\r\n`)
  const outcomes: boolean[] = []
  for (const [peer, address] of [
    ['10.0.0.1', '198.51.100.1'],
    ['10.0.0.1', '198.51.100.2'],
    ['10.0.0.1', '198.51.100.1'],
    ['10.0.0.2', '2001:db8::1'],
    ['10.0.0.2', '2001:db8::2'],
    ['192.0.2.1', '198.51.100.3'],
    ['192.0.2.1', '198.51.100.4'],
  ] as const) {
    const visitor = await ask(world, from(address), peer)
    outcomes.push(/^HTTP\/1\.1 429 .*\r\nRetry-After: 1\r\n/s.test(visitor.received))
  }
  assert.deepEqual(outcomes, [false, false, true, false, true, false, true])
})

test('an app that sends interim responses to nobody is stopped, one whose visitor reads them is not', async () => {
  const world = new VisitorWorld()
  const [stuck, reading] = [await ask(world, GET), await ask(world, GET)]
  stuck.stuck = true
  const hint = Buffer.from(`HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(10_000)}>\r\n`)
  for (let i = 0; i < 100; i++) {
    for (const { stream } of world.pair.opened) stream.sendInterim(hint)
    await world.settle()
  }
  assert.ok(stuck.writableLength < 300_000)
  assert.equal(world.pair.opened[0]!.handler.error?.code, 'TUN_ERR_ORIGIN_RESET')
  assert.equal(reading.received.split('103 Early Hints').length, 101)
})

test('trailers that are more than header lines break the answer instead of beginning another one', async () => {
  const world = new VisitorWorld()
  const visitor = await ask(world, GET)
  const { stream } = world.pair.opened[0]!
  stream.sendHead(Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n'), false)
  stream.write(Buffer.from('body'))
  stream.end(Buffer.from('\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'))
  await world.settle()
  assert.doesNotMatch(visitor.received, /evil/)
  assert.ok(visitor.received.endsWith('\r\n\r\n4\r\nbody\r\n'))
  assert.ok(visitor.wasReset)
})

test('while the agent has no link, requests wait with all that comes behind them, and then go on in order', async () => {
  const world = new VisitorWorld()
  world.holder.attached = false
  const visitor = await ask(world, `${POST}12345`)
  visitor.say(`67890${GET}`)
  const other = await ask(world, GET)
  await world.pass(9_000)
  assert.deepEqual([world.requests, visitor.received, other.received], [[], '', ''])
  world.holder.attached = true
  world.registry.reachable(world.holder)
  await world.settle()
  assert.deepEqual(world.requests, ['POST /b', 'GET /a'])
  await world.answer(0, 'one')
  assert.deepEqual(world.requests, ['POST /b', 'GET /a', 'GET /a'])
  assert.equal(world.pair.opened[0]!.handler.bytes.toString(), '1234567890')
  await world.answer(2, 'two')
  assert.match(visitor.received, /one.*two$/s)
})

test('a request that waits too long gets 503, and so does one too many at once; who leaves makes room', async () => {
  const world = new VisitorWorld({ parkMs: 5_000, maxParked: 2 })
  world.holder.attached = false
  const [first, second, third] = [await ask(world, GET), await ask(world, GET), await ask(world, GET)]
  const away = /^HTTP\/1\.1 503 .*x-tunnel-error: TUN_ERR_TUNNEL_OFFLINE\r\nRetry-After: 1\r\n/is
  assert.deepEqual(
    [first, second, third].map(({ received }) => away.test(received)),
    [false, false, true],
  )
  second.sayEnd()
  await world.settle()
  const fourth = await ask(world, GET)
  assert.equal(fourth.received, '')
  await world.pass(7_000)
  for (const visitor of [first, fourth]) assert.match(visitor.received, away)
  assert.equal(world.admission.visitors, 0)
  assert.equal(world.registry.find('demo')!.streams, 0)
  assert.equal(world.registry.find('demo')!.waiting.size, 0)
  world.holder.attached = true
  world.registry.reachable(world.holder)
  assert.deepEqual(world.requests, [])
})
