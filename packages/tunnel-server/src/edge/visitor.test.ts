import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Stream, TunnelError } from 'tunnel-protocol'
import { SessionPair } from 'tunnel-protocol/testing'
import type { Carrier } from '../registry/tunnel.js'
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
  stream.sendHead('HTTP/1.1 200 OK\r\n', false)
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
  world.pair.opened[0]!.stream.sendHead('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n', false)
  await world.pass(HOUR)
  visitor.say('hello')
  await world.settle()
  assert.equal(world.pair.opened[0]!.handler.bytes.toString(), 'hello')
})

test('with an idle time-out, what carries nothing ends: 504 before the answer, a reset after', async () => {
  const world = new VisitorWorld({ idleTimeoutMs: 60_000 })
  const [early, late, dripping] = [await ask(world, GET), await ask(world, GET), await ask(world, GET)]
  for (const i of [1, 2]) world.pair.opened[i]!.stream.sendHead('HTTP/1.1 200 OK\r\n', false)
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
    stream.sendHead('HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n', false)
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
  pair.opened[2]!.stream.sendHead('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n', false)
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
  upgraded.sendHead('HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n', false)
  upgraded.end()
  await world.settle()
  assert.equal(world.admission.visitors, 1)
  closed.sayEnd()
  await world.settle()
  assert.ok(closed.destroyed)
  assert.equal(world.admission.visitors, 0)
  assert.equal(world.directory.find('demo')!.streams, 0)
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
  const hint = `HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(10_000)}>\r\n`
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
  stream.sendHead('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n', false)
  stream.write(Buffer.from('body'))
  stream.end('\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
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
  world.directory.reachable(world.holder)
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
  assert.equal(world.directory.find('demo')!.streams, 0)
  assert.equal(world.directory.find('demo')!.waiting.size, 0)
  world.holder.attached = true
  world.directory.reachable(world.holder)
  assert.deepEqual(world.requests, [])
})

/** A second agent of the tunnel, which is a pool then. */
function joinPool(world: VisitorWorld, id = 'second'): { pair: SessionPair; holder: { attached: boolean } & Carrier } {
  const pair = new SessionPair({ resumable: true })
  const hasEnded = () => pair.server.closed
  const holder = { ...world.holder, id, instance: id, session: pair.server, attached: true, hasEnded }
  world.directory.add('demo')
  world.directory.enter('demo', holder, 9)
  world.others.push(pair)
  return { pair, holder }
}

/** The agent's session ends, as it does when the agent does not come back in time. */
async function end(world: VisitorWorld, pair: SessionPair, holder: { attached: boolean } & Carrier): Promise<void> {
  holder.attached = false
  pair.server.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'the connection was lost'))
  world.over(holder)
  await world.settle()
}

const HOST = 'Host: demo.example.com\r\n'

test('a request whose agent is gone goes to another one, if it is safe to repeat and has had no answer', async () => {
  const world = new VisitorWorld()
  const requests = ['GET', 'HEAD', 'PUT', 'POST'].map((method) => `${method} / HTTP/1.1\r\n${HOST}\r\n`)
  const visitors: FakeSocket[] = []
  for (const request of [...requests, POST, GET, GET, UPGRADE]) visitors.push(await ask(world, request))
  world.pair.opened[5]!.stream.sendHead('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n', false)
  world.pair.opened[6]!.stream.sendInterim('HTTP/1.1 103 Early Hints\r\n')
  await world.settle()
  const { pair } = joinPool(world)
  await end(world, world.pair, world.holder)
  const moved = pair.opened.map(({ open }) => open.head.split(' ', 2).join(' '))
  assert.deepEqual(moved, ['GET /', 'HEAD /', 'PUT /', 'GET /c'])
  assert.deepEqual(
    visitors.map(({ received, wasReset }) => (wasReset ? 'reset' : received.slice(9, 12))),
    ['', '', '', '502', '502', 'reset', '103', ''],
  )
  assert.match(visitors[6]!.received, /HTTP\/1\.1 502 /)
  for (const { stream } of pair.opened) stream.sendHead('HTTP/1.1 204 No Content\r\n', true)
  await world.settle()
  for (const i of [0, 1, 2, 7]) assert.match(visitors[i]!.received, /^HTTP\/1\.1 204 /)
  assert.equal(world.admission.visitors, 0)
  assert.equal(world.directory.find('demo')!.streams, 0)
})

test('an unanswered request leaves an agent that has lost its link only for another one', async () => {
  const world = new VisitorWorld({}, { resumable: true })
  const [get, post] = [await ask(world, GET), await ask(world, POST)]
  const lose = () => {
    world.holder.attached = false
    world.pair.agent.dropLink('cut')
    world.pair.server.dropLink('cut')
  }
  lose()
  await world.settle()
  assert.deepEqual([get.received, post.received], ['', ''])
  world.pair.reconnect()
  world.holder.attached = true
  const { pair } = joinPool(world)
  lose()
  await world.settle()
  assert.equal(pair.opened.length, 1)
  pair.opened[0]!.stream.sendHead('HTTP/1.1 204 No Content\r\n', true)
  await world.settle()
  assert.match(get.received, /^HTTP\/1\.1 204 /)
  world.pair.reconnect()
  await world.settle()
  assert.equal(world.pair.opened[0]!.handler.error?.code, 'TUN_ERR_VISITOR_GONE')
  post.say('1234567890')
  await world.settle()
  await world.answer(1, 'posted')
  assert.match(post.received, /posted$/)
  assert.equal(world.admission.visitors, 0)
})

test('without another agent a request whose session is over waits for the one that comes back', async () => {
  const world = new VisitorWorld({}, { keepsName: true })
  const [get, post] = [await ask(world, `${GET}${GET}`), await ask(world, POST)]
  await end(world, world.pair, world.holder)
  assert.match(post.received, /^HTTP\/1\.1 502 /)
  assert.deepEqual([get.received, world.admission.parking.count], ['', 1])
  const { pair } = joinPool(world, 'i')
  await world.settle()
  for (const i of [0, 1]) {
    pair.opened[i]!.stream.sendHead('HTTP/1.1 204 No Content\r\n', true)
    await world.settle()
  }
  assert.equal(get.received.split('HTTP/1.1 204').length, 3)
  assert.deepEqual([world.admission.visitors, world.admission.parking.count], [0, 0])
})

test('a request that waits for an agent hears at once when the name is free, and in time that nobody came', async () => {
  const world = new VisitorWorld({ parkMs: 5_000 }, { keepsName: true })
  const early = await ask(world, GET)
  await end(world, world.pair, world.holder)
  await world.pass(7_000)
  assert.match(early.received, /^HTTP\/1\.1 503 /)
  const late = await ask(world, GET)
  const { holder } = joinPool(world)
  holder.attached = false
  const last = await ask(world, GET)
  world.directory.remove('demo')
  await world.settle()
  assert.equal(late.received, '') // it has an agent
  assert.match(last.received, /^HTTP\/1\.1 404 /)
})

test('what an agent sends back because its app is down goes to another one, and to none twice', async () => {
  const world = new VisitorWorld()
  const sendBack = ({ stream }: { stream: Stream }) => stream.reset('TUN_ERR_ORIGIN_REFUSED', 'nothing listens')
  world.pair.onOpen = sendBack
  const alone = await ask(world, GET)
  assert.match(alone.received, /^HTTP\/1\.1 502 .*TUN_ERR_ORIGIN_REFUSED/s)
  assert.equal(world.pair.opened.length, 1)
  const others = ['b', 'c', 'd', 'e'].map((id) => joinPool(world, id).pair)
  for (const pair of others) pair.onOpen = sendBack
  const everywhere = await ask(world, POST.replace('Content-Length: 10\r\n', ''))
  assert.match(everywhere.received, /^HTTP\/1\.1 502 /)
  const tries = () => [world.pair, ...others].reduce((sum, { opened }) => sum + opened.length, 0)
  assert.equal(tries(), 1 + 3)
  const withBody = await ask(world, `${POST}1234567890`)
  assert.match(withBody.received, /^HTTP\/1\.1 502 /)
  assert.equal(tries(), 1 + 3 + 1)
  assert.equal(world.admission.visitors, 0)
})

test('an agent that breaks a rule ends its requests, and takes no other agent with it', async () => {
  const world = new VisitorWorld()
  const { pair } = joinPool(world)
  const visitors = [await ask(world, GET), await ask(world, GET)]
  pair.server.close(new TunnelError('TUN_ERR_PROTOCOL', 'nonsense'))
  await world.settle()
  assert.deepEqual(visitors.map(({ received }) => received.slice(9, 12)).sort(), ['', '502'])
})

test('a server that shuts down lets no request wait once more', async () => {
  const world = new VisitorWorld({}, { keepsName: true })
  const visitor = await ask(world, GET)
  world.draining = true
  await end(world, world.pair, world.holder)
  assert.match(visitor.received, /^HTTP\/1\.1 502 /)
})

test('what waiting requests hold is bounded: beyond, they are read no further, and no other one waits', async () => {
  const world = new VisitorWorld({ maxParked: 10_000, maxStreamsPerVisitor: 10_000 })
  world.holder.attached = false
  const parked: FakeSocket[] = []
  let refused: FakeSocket | undefined
  for (let i = 0; i < 1_000 && refused === undefined; i++) {
    const visitor = await ask(world, `${POST.replace('10', '999999')}${'x'.repeat(64_000)}`)
    if (i === 100) assert.ok(parked.every((each) => !each.isPaused()))
    if (visitor.received === '') parked.push(visitor)
    else refused = visitor
  }
  assert.ok(parked.length > 400 && parked.length < 600, `${parked.length} wait`)
  assert.match(refused!.received, /^HTTP\/1\.1 503 /)
  parked[0]!.say('x'.repeat(60_000))
  await world.settle()
  assert.ok(parked.every((visitor) => visitor.isPaused()))
  world.holder.attached = true
  world.directory.reachable(world.holder)
  await world.settle()
  assert.equal(world.requests.length, parked.length)
  assert.equal(world.admission.parking.count, 0)
})
