import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Rules, TunnelError } from 'tunnel-protocol'
import type { FakeSocket } from '../../testing/fake-socket.js'
import { VisitorWorld } from '../../testing/visitor-world.js'

const LINES = 'Host: demo.example.com\r\n'
const PROXY = '10.0.0.1'

function get(path: string, lines = ''): string {
  return `GET ${path} HTTP/1.1\r\n${LINES}${lines}\r\n`
}

/** Requests that a trusted proxy passes on for a visitor at `address`. */
const from = (address: string, path: string) => get(path, `X-Forwarded-For: ${address}\r\n`)

/** A world whose tunnel has rules, and an agent that brought them. */
function guarded(rules: Rules, ...more: ConstructorParameters<typeof VisitorWorld>): VisitorWorld {
  const world = new VisitorWorld(...more)
  ask(world, rules)
  return world
}

/** The agent is back with these rules. */
function ask(world: VisitorWorld, rules: Rules | undefined): void {
  world.directory.setRules('demo', rules)
  world.directory.enter('demo', world.holder, 7)
}

async function say(world: VisitorWorld, text: string, remoteAddress?: string): Promise<FakeSocket> {
  const visitor = world.visitor(remoteAddress)
  visitor.say(text)
  await world.settle()
  return visitor
}

/** Status and code of each answer on a connection. */
function answers({ received }: FakeSocket): string[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d+) .*\r\n(?:.+\r\n)*/g)].map(
    ([head, status]) => `${status} ${/x-tunnel-error: (\w+)/i.exec(head)?.[1] ?? ''}`,
  )
}

const REFUSED = '403 TUN_ERR_ADDRESS_REFUSED'

test('the agent sees nothing of a visitor who comes from elsewhere', async () => {
  const world = guarded({ allowIp: ['192.0.2.0/24'] })
  const stranger = await say(world, get('/a'), '198.51.100.7')
  assert.deepEqual(answers(stranger), [REFUSED])
  assert.match(stranger.received, /This tunnel lets in nobody from 198\.51\.100\.7\./)
  const upload = await say(world, `POST / HTTP/1.1\r\n${LINES}Content-Length: 10\r\n\r\n12345`, '198.51.100.7')
  assert.deepEqual(answers(upload), [REFUSED])
  const upgrade = await say(world, get('/', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'), '198.51.100.7')
  assert.deepEqual(answers(upgrade), [REFUSED])
  assert.deepEqual(world.requests, [])
  await say(world, get('/b'), '192.0.2.9')
  await say(world, get('/c'), '::ffff:192.0.2.9')
  assert.deepEqual(world.requests, ['GET /b', 'GET /c'])
  assert.equal(world.admission.visitors, 1)
})

test('on one connection each request is looked at, and the answers keep their order', async () => {
  const world = guarded({ denyIp: ['198.51.100.0/24'] })
  const pipelined = ['198.51.100.7', '192.0.2.1', '198.51.100.8', '192.0.2.2'].map((address, i) =>
    from(address, `/${i}`),
  )
  const proxy = await say(world, pipelined.join(''), PROXY)
  assert.deepEqual(answers(proxy), [REFUSED])
  for (const i of [0, 1]) {
    await world.answer(i, `answer ${i}`)
    await world.settle()
  }
  assert.deepEqual(world.requests, ['GET /1', 'GET /3'])
  assert.deepEqual(answers(proxy), [REFUSED, '200 ', REFUSED, '200 '])
})

test('an untrusted visitor cannot say where he is', async () => {
  const world = guarded({ allowIp: ['192.0.2.0/24'] })
  assert.deepEqual(answers(await say(world, from('192.0.2.1', '/'), '198.51.100.7')), [REFUSED])
})

test('a request that waits is looked at again when it is sent, under the rules that hold by then', async () => {
  const world = new VisitorWorld()
  world.directory.drop('demo', world.holder)
  const [stranger, friend] = [await say(world, get('/a') + get('/b'), '198.51.100.7'), await say(world, get('/c'))]
  assert.equal(world.admission.parking.count, 2)
  ask(world, { denyIp: ['198.51.100.7'] })
  await world.settle()
  assert.deepEqual(answers(stranger), [REFUSED, REFUSED])
  assert.deepEqual(world.requests, ['GET /c'])
  assert.equal(world.admission.parking.count, 0)
  await world.answer(0, 'hello')
  assert.match(friend.received, /hello$/)
  assert.equal(world.admission.visitors, 0)
  assert.equal(world.directory.find('demo')!.streams, 0)
})

test('a request that was let in is looked at again when it goes to another agent', async () => {
  const world = new VisitorWorld({}, { keepsName: true })
  const visitor = await say(world, get('/a'), '198.51.100.7')
  assert.deepEqual(world.requests, ['GET /a'])
  world.holder.attached = false
  world.directory.dropAll(world.holder)
  ask(world, { allowIp: ['192.0.2.0/24'] })
  world.pair.server.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'the connection was lost'))
  await world.settle()
  assert.deepEqual(answers(visitor), [REFUSED])
  assert.equal(world.admission.visitors, 0)
})

test('whoever is refused is refused while the agent is away, too, and does not wait', async () => {
  const world = guarded({ allowIp: ['192.0.2.0/24'] })
  world.holder.attached = false
  assert.deepEqual(answers(await say(world, get('/'), '198.51.100.7')), [REFUSED])
  assert.deepEqual(answers(await say(world, get('/'), '192.0.2.1')), [])
  assert.equal(world.admission.parking.count, 1)
})

test('rules that are gone ask for nothing', async () => {
  const world = guarded({ allowIp: ['192.0.2.0/24'] })
  ask(world, undefined)
  await say(world, get('/a'), '198.51.100.7')
  assert.deepEqual(world.requests, ['GET /a'])
})

test('a refusal is logged with the rule that it is for, and without the query', async () => {
  const lines: unknown[] = []
  const world = guarded({ denyIp: ['198.51.100.7'] })
  const info = (fields: object, message: string) => void lines.push({ ...fields, message })
  world.context.settings.accessLog = { debug() {}, info, warn() {}, error() {} }
  await say(world, get('/a?secret=1'), '198.51.100.7')
  const visitor = '198.51.100.7'
  assert.deepEqual(lines, [
    { visitor, host: 'demo.example.com', method: 'GET', target: '/a', status: 403, message: 'refused by denyIp' },
  ])
})
