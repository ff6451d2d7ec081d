import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPassword, hashPassword, type Rules, TunnelError } from 'tunnel-protocol'
import type { FakeSocket } from '../../testing/fake-socket.js'
import { VisitorWorld } from '../../testing/visitor-world.js'
import { Gates } from './gates.js'
import { PasswordChecks } from './password-checks.js'

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

const basic = (credentials: string) => `Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`
const USERS = {
  basicAuth: [
    { user: 'alice', hash: hashPassword('open sesame') },
    { user: 'jürgen', hash: hashPassword('süß:e') },
  ],
}

/** Passwords are looked at only once the test says so. */
function holdPasswords(world: VisitorWorld): () => void {
  const held: Array<() => void> = []
  const checks = new PasswordChecks(undefined, (...check) => void held.push(() => checkPassword(...check)))
  Object.assign(world.context, { gates: new Gates(checks) })
  return () => {
    for (const go of held.splice(0)) go()
  }
}

/** Let passwords be looked at, which happens beside this thread. */
async function untilAnswered(world: VisitorWorld, done: () => boolean): Promise<void> {
  while (!done()) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    await world.settle()
  }
}

test('whoever shows no user name and password is asked for them, and no agent hears of it', async () => {
  const world = guarded(USERS)
  const visitor = await say(world, get('/') + get('/', 'Authorization: Bearer x\r\n'))
  assert.deepEqual(answers(visitor), ['401 TUN_ERR_SIGN_IN', '401 TUN_ERR_SIGN_IN'])
  assert.match(visitor.received, /\r\nWWW-Authenticate: Basic realm="demo", charset="UTF-8"\r\n/)
  assert.deepEqual(world.requests, [])
})

test('whoever shows them is let in, at once the next time, and the app never sees them', async () => {
  const world = guarded(USERS)
  const first = await say(world, get('/a', basic('alice:open sesame')))
  await untilAnswered(world, () => world.requests.length === 1)
  await world.answer(0, 'one')
  assert.match(first.received, /one$/)
  await say(world, get('/b', basic('alice:open sesame').replace('Authorization: Basic ', 'authorization:\tbASIC   ')))
  assert.equal(world.requests.length, 2)
  first.say(get('/c', basic('ju\u0308rgen:süß:e')))
  await untilAnswered(world, () => world.requests.length === 3)
  for (const { open } of world.pair.opened) {
    assert.doesNotMatch(open.head, /authorization/i)
    assert.match(open.head, /^GET \/. HTTP\/1\.1\r\nHost: demo\.example\.com\r\nX-Forwarded-For: /)
  }
})

const wrong = {
  'a wrong password': basic('alice:open sesam'),
  'an unknown user': basic('bob:open sesame'),
  'no password': basic('alice:'),
  'no colon': basic('alice'),
  nothing: 'Authorization: Basic\r\n',
  'no base64': 'Authorization: Basic =\r\n',
  'two fields': basic('alice:open sesame').repeat(2),
  'a field of another kind beside it': `${basic('alice:open sesame')}Authorization: Bearer x\r\n`,
}
for (const [what, lines] of Object.entries(wrong)) {
  test(`${what}: 401`, async () => {
    const world = guarded(USERS)
    const visitor = await say(world, get('/', lines))
    await untilAnswered(world, () => visitor.received !== '')
    assert.deepEqual(answers(visitor), ['401 TUN_ERR_SIGN_IN'])
    assert.deepEqual(world.requests, [])
  })
}

test('the answer to a wrong password does not tell whether there is such a user', async () => {
  const world = guarded(USERS)
  const both = []
  for (const user of ['alice', 'bob']) {
    const visitor = await say(world, get('/', basic(`${user}:wrong`)))
    await untilAnswered(world, () => visitor.received !== '')
    both.push(visitor.received)
  }
  assert.equal(both[0], both[1])
})

test('an address that guesses too often has to wait; others, and who is known, do not', async () => {
  const world = guarded(USERS)
  const known = await say(world, get('/a', basic('alice:open sesame')))
  await untilAnswered(world, () => world.requests.length === 1)
  await world.answer(0, 'one')
  const guesser = world.visitor()
  const guesses = Array.from({ length: 12 }, (_, i) => get('/', basic(`alice:${i}`)))
  guesser.say(guesses.join(''))
  await untilAnswered(world, () => answers(guesser).length === 12)
  const limit = '429 TUN_ERR_TOO_MANY_ATTEMPTS'
  assert.deepEqual(answers(guesser), [...Array(10).fill('401 TUN_ERR_SIGN_IN'), limit, limit])
  assert.match(guesser.received, /\r\nRetry-After: [1-6]\r\n/)
  guesser.say(guesses[0]!)
  await world.settle()
  assert.equal(answers(guesser).at(-1), '401 TUN_ERR_SIGN_IN', 'of this one it is known that it is wrong')
  known.say(get('/b', basic('alice:open sesame')))
  await say(world, get('/c', basic('jürgen:süß:e')), '192.0.2.2')
  await untilAnswered(world, () => world.requests.length === 3)
})

test('a request whose password is looked at keeps its body, and those behind it their turn', async () => {
  const world = guarded(USERS)
  const credentials = basic('alice:open sesame')
  const visitor = world.visitor()
  visitor.say(`POST /a HTTP/1.1\r\n${LINES}${credentials}Content-Length: 10\r\n\r\n12345`)
  visitor.say(`67890${get('/b', credentials)}${get('/c')}`)
  await untilAnswered(world, () => world.requests.length === 1)
  assert.equal(world.pair.opened[0]!.handler.bytes.toString(), '1234567890')
  await world.answer(0, 'one')
  await world.answer(1, 'two')
  assert.deepEqual(world.requests, ['POST /a', 'GET /b'])
  assert.deepEqual(answers(visitor), ['200 ', '200 ', '401 TUN_ERR_SIGN_IN'])
})

test('a visitor who leaves while his password is looked at asks for nothing any more', async () => {
  const world = guarded(USERS)
  const lookAtPasswords = holdPasswords(world)
  const visitor = await say(world, get('/a', basic('alice:open sesame')))
  visitor.sayEnd()
  await world.settle()
  await say(world, get('/b', basic('alice:open sesame')))
  assert.equal(world.admission.visitors, 0)
  lookAtPasswords()
  await untilAnswered(world, () => world.requests.length > 0)
  assert.deepEqual(world.requests, ['GET /b'])
  assert.equal(world.admission.visitors, 1)
})

test('rules that change while a password is looked at are the ones that hold', async () => {
  const world = guarded(USERS)
  const lookAtPasswords = holdPasswords(world)
  const visitor = await say(world, get('/a', basic('alice:open sesame')), '198.51.100.7')
  lookAtPasswords()
  ask(world, { allowIp: ['192.0.2.0/24'] })
  await untilAnswered(world, () => visitor.received !== '')
  assert.deepEqual(answers(visitor), [REFUSED])
})

test('a server that shuts down says so to whoever waits at a gate', async () => {
  const world = guarded(USERS)
  holdPasswords(world)
  const visitor = await say(world, get('/a', basic('alice:open sesame')))
  await world.evict()
  assert.deepEqual(answers(visitor), ['503 TUN_ERR_DRAINING'])
})
