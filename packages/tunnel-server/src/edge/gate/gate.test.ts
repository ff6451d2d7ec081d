import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPassword, hashPassword, type Rules, TunnelError } from 'tunnel-protocol'
import type { FakeSocket } from '../../testing/fake-socket.js'
import { PASS_KEY, VisitorWorld } from '../../testing/visitor-world.js'
import { Gates } from './gates.js'
import { type Pass, Passes, ruleDigest, WARNED } from './passes.js'
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
  Object.assign(world.context, { gates: new Gates(world.context.settings, checks) })
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

const PASSWORD = { password: { hash: hashPassword('open sesame') } }
const BROWSER = 'Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nSec-Fetch-Mode: navigate\r\n'
const passes = new Passes(PASS_KEY)

/** A pass of somebody who has signed in. */
function signedIn(more: Partial<Pass> = {}): string {
  const rule = ruleDigest('password', PASSWORD.password.hash)
  return passes.sign({ tunnel: 'demo', rule, path: '/', ends: Date.now() + 60_000, ...more })
}

test('a browser gets a page to sign in on, which leads back; others get words', async () => {
  const world = guarded(PASSWORD)
  const browser = await say(world, get('/a?b="><script>\xff', BROWSER))
  assert.match(browser.received, /^HTTP\/1\.1 401 .*\r\nWWW-Authenticate: Form\r\n/s)
  assert.match(browser.received, /<h1>Sign in to demo\.<wbr>example\.<wbr>com<\/h1>/)
  assert.match(browser.received, /<input type="hidden" name="to" value="\/a\?b=&quot;&gt;&lt;script&gt;%FF">/)
  const json = await say(world, get('/', 'Accept: application/json\r\n'))
  assert.match(json.received, /\r\nContent-Type: application\/json.*"code":"TUN_ERR_SIGN_IN"/s)
  const upgrade = await say(world, get('/', `${BROWSER}Connection: Upgrade\r\nUpgrade: websocket\r\n`))
  assert.deepEqual(answers(upgrade), ['401 TUN_ERR_SIGN_IN'])
  const form = await say(world, `POST / HTTP/1.1\r\n${LINES}${BROWSER}Content-Length: 3\r\n\r\na=b`)
  assert.deepEqual(answers(form), ['401 TUN_ERR_SIGN_IN'])
  assert.deepEqual(world.requests, [])
})

test('whoever has a pass is let in, upgrades too, and the app never sees it', async () => {
  const world = guarded(PASSWORD)
  const cookie = `Cookie: a=1; tunnel-pass=${signedIn()}; b=2\r\n`
  await say(world, get('/a', cookie))
  await say(world, get('/b', `${cookie}Connection: Upgrade\r\nUpgrade: websocket\r\n`))
  await say(world, get('/c', `Cookie: tunnel-pass=stale; tunnel-pass=${signedIn()}\r\n`))
  assert.deepEqual(world.requests, ['GET /a', 'GET /b', 'GET /c'])
  for (const { open } of world.pair.opened) assert.doesNotMatch(open.head, /tunnel-pass/)
  assert.match(world.pair.opened[0]!.open.head, /\r\nCookie: a=1; b=2\r\n/)
})

const useless: Array<[what: string, lines: () => string]> = [
  ['of another tunnel', () => `Cookie: tunnel-pass=${signedIn({ tunnel: 'other' })}\r\n`],
  ['of another password', () => `Cookie: tunnel-pass=${signedIn({ rule: ruleDigest('password', 'another') })}\r\n`],
  ['that has ended', () => `Cookie: tunnel-pass=${signedIn({ ends: Date.now() - 1 })}\r\n`],
  ['for another path', () => `Cookie: tunnel-pass=${signedIn({ path: '/design' })}\r\n`],
  ['in quotes', () => `Cookie: tunnel-pass="${signedIn()}"\r\n`],
  ['under another name', () => `Cookie: __Host-tunnel-pass=${signedIn()}\r\n`],
  ['in the wrong field', () => `X-Cookie: tunnel-pass=${signedIn()}\r\n`],
  ['that is too long', () => `Cookie: tunnel-pass=${signedIn()}${'A'.repeat(2_000)}\r\n`],
]
for (const [what, lines] of useless) {
  test(`a pass ${what} lets nobody in`, async () => {
    const world = guarded(PASSWORD)
    assert.deepEqual(answers(await say(world, get('/secret', lines()))), ['401 TUN_ERR_SIGN_IN'])
  })
}

test('over TLS a pass counts only in the cookie that no other host can set', async () => {
  const world = guarded(PASSWORD)
  const tls = 'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n'
  const plain = await say(world, get('/a', `${tls}Cookie: tunnel-pass=${signedIn()}\r\n`), PROXY)
  assert.deepEqual(answers(plain), ['401 TUN_ERR_SIGN_IN'])
  await say(world, get('/b', `${tls}Cookie: __Host-tunnel-pass=${signedIn()}\r\n`), PROXY)
  assert.deepEqual(world.requests, ['GET /b'])
})

test('a tunnel without rules gives its app no pass of another time', async () => {
  const world = new VisitorWorld()
  await say(world, get('/', `Cookie: tunnel-pass=${signedIn()}; a=1\r\n`))
  assert.match(world.pair.opened[0]!.open.head, /\r\nCookie: a=1\r\nX-/)
})

test('an app can not set our cookies, in any kind of answer', async () => {
  const world = guarded(PASSWORD)
  const mine = 'Set-Cookie: a=1\r\n'
  const ours = 'Set-Cookie: tunnel-pass=x\r\nset-cookie: __Host-tunnel-pass-warned=x\r\n'
  const lines = `Cookie: tunnel-pass=${signedIn()}\r\n`
  const visitor = await say(world, get('/', lines))
  const { stream } = world.pair.opened[0]!
  stream.sendInterim(`HTTP/1.1 103 Early Hints\r\n${ours}${mine}`)
  stream.sendHead(`HTTP/1.1 204 No Content\r\n${ours}${mine}`, true)
  await world.settle()
  const upgrade = await say(world, get('/', `${lines}Connection: Upgrade\r\nUpgrade: x\r\n`))
  world.pair.opened[1]!.stream.sendHead(`HTTP/1.1 101 S\r\n${ours}${mine}Connection: Upgrade\r\nUpgrade: x\r\n`, false)
  await world.settle()
  assert.equal(visitor.received.split('a=1').length, 3)
  assert.equal(upgrade.received.split('a=1').length, 2)
  assert.doesNotMatch(visitor.received + upgrade.received, /tunnel-pass/)
})

test('with a password and users either of them lets in', async () => {
  const world = guarded({ ...PASSWORD, ...USERS })
  await say(world, get('/a', `Cookie: tunnel-pass=${signedIn()}\r\n`))
  await say(world, get('/b', basic('alice:open sesame')))
  await untilAnswered(world, () => world.requests.length === 2)
  assert.match((await say(world, get('/', BROWSER))).received, /^HTTP\/1\.1 401 .*<form/s)
  assert.match((await say(world, get('/'))).received, /\r\nWWW-Authenticate: Basic /)
})

test('what an app wants to know of a visitor with a pass reaches it, unless it is ours', async () => {
  const world = guarded({ ...PASSWORD, ...USERS })
  const cookie = `Cookie: tunnel-pass=${signedIn()}\r\n`
  for (const lines of ['Authorization: Bearer x\r\n', basic('somebody:of the app'), basic('alice:open sesame')]) {
    const before = world.requests.length
    await say(world, get('/', cookie + lines))
    await untilAnswered(world, () => world.requests.length > before)
  }
  const shown = world.pair.opened.map(({ open }) => /\r\nAuthorization: (\w+)/.exec(open.head)?.[1])
  assert.deepEqual(shown, ['Bearer', 'Basic', undefined])
})

test('requests for the door are for our own server, with all that is behind them, and no agent sees them', async () => {
  const world = guarded(PASSWORD)
  await say(
    world,
    `POST /.tunnel/sign-in HTTP/1.1\r\n${LINES}X-Forwarded-For: x\r\nContent-Length: 10\r\n\r\npassword=a${get('/x')}`,
  )
  const [{ bytes, door } = { bytes: '', door: undefined }] = world.handedOver
  assert.equal(bytes, `POST /.tunnel/sign-in HTTP/1.1\r\n${LINES}Content-Length: 10\r\n\r\npassword=a${get('/x')}`)
  assert.notEqual(door, undefined)
  assert.equal(world.connections.size, 0)
  assert.deepEqual(world.requests, [])
})

test('a request for the door that waits for the agent is for our own server as soon as there are rules', async () => {
  const world = new VisitorWorld()
  world.directory.drop('demo', world.holder)
  const visitor = await say(world, `POST /.tunnel/sign-in HTTP/1.1\r\n${LINES}Content-Length: 10\r\n\r\npass`)
  visitor.say('word=a')
  await world.settle()
  ask(world, PASSWORD)
  await world.settle()
  assert.equal(
    world.handedOver[0]?.bytes,
    `POST /.tunnel/sign-in HTTP/1.1\r\n${LINES}Content-Length: 10\r\n\r\npassword=a`,
  )
  assert.deepEqual([world.admission.visitors, world.admission.parking.count, world.requests.length], [0, 0, 0])
})

test('a tunnel without rules has no door: what is there is the app', async () => {
  const world = new VisitorWorld()
  await say(world, get('/.tunnel/sign-in'))
  assert.deepEqual(world.requests, ['GET /.tunnel/sign-in'])
})

test('the door is for those alone who may come from where they come', async () => {
  const world = guarded({ ...PASSWORD, allowIp: ['192.0.2.0/24'] })
  assert.deepEqual(answers(await say(world, get('/.tunnel/sign-in'), '198.51.100.7')), [REFUSED])
  assert.equal(world.handedOver.length, 0)
})

/** A world in which visitors are warned, without rules unless said. */
function warning(rules?: Rules): VisitorWorld {
  const world = new VisitorWorld()
  world.context.settings.interstitial = true
  world.context.settings.abuseContact = 'mailto:abuse@example.com'
  if (rules !== undefined) ask(world, rules)
  return world
}

test('on a server that warns, browsers see the warning before a page, and nobody else does', async () => {
  const world = warning()
  const browser = await say(world, get('/a?b', BROWSER))
  assert.deepEqual(answers(browser), ['403 TUN_ERR_UNCONFIRMED'])
  assert.match(
    browser.received,
    /You are about to visit demo\.<wbr>example\.<wbr>com.*name="to" value="\/a\?b".*href="mailto:abuse@example\.com"/s,
  )
  assert.deepEqual(world.requests, [])
  await say(world, get('/curl'))
  await say(world, get('/script', 'Accept: text/html\r\nSec-Fetch-Mode: cors\r\n'))
  await say(world, get('/skips', `${BROWSER}Tunnel-Skip-Warning: 1\r\n`))
  await say(world, get('/socket', `${BROWSER}Connection: Upgrade\r\nUpgrade: websocket\r\n`))
  await say(world, get('/warned', `${BROWSER}Cookie: tunnel-pass-warned=${signedIn({ rule: WARNED })}\r\n`))
  assert.deepEqual(world.requests, ['GET /curl', 'GET /script', 'GET /skips', 'GET /socket', 'GET /warned'])
  assert.doesNotMatch(world.pair.opened.at(-1)!.open.head, /tunnel-pass/)
})

test('a pass is no answer to the warning, nor the other way round, and other tunnels have warnings of their own', async () => {
  const world = warning()
  const cookies = [signedIn(), signedIn({ rule: WARNED, tunnel: 'other' }), 'x']
  for (const value of cookies) {
    const browser = await say(world, get('/', `${BROWSER}Cookie: tunnel-pass-warned=${value}\r\n`))
    assert.deepEqual(answers(browser), ['403 TUN_ERR_UNCONFIRMED'])
  }
  const protectedWorld = warning(PASSWORD)
  const browser = await say(protectedWorld, get('/', `${BROWSER}Cookie: tunnel-pass=${signedIn({ rule: WARNED })}\r\n`))
  assert.match(browser.received, /^HTTP\/1\.1 401 /)
})

test('whoever has signed in is not warned', async () => {
  const world = warning(PASSWORD)
  await say(world, get('/', `${BROWSER}Cookie: tunnel-pass=${signedIn()}\r\n`))
  assert.deepEqual(world.requests, ['GET /'])
})

test('a server that no longer warns lets everybody through', async () => {
  const world = warning()
  world.context.settings.interstitial = false
  await say(world, get('/', BROWSER))
  assert.deepEqual(world.requests, ['GET /'])
})

test('every page of ours says where abuse can be reported', async () => {
  const world = warning({ denyIp: ['198.51.100.7'] })
  const html = await say(world, get('/', BROWSER), '198.51.100.7')
  assert.match(html.received, /<a href="mailto:abuse@example\.com">Report abuse<\/a>/)
  const text = await say(world, 'GET / HTTP/1.1\r\nHost: nobody.example.com\r\n\r\n')
  assert.match(text.received, /^HTTP\/1\.1 404 .*Report abuse: mailto:abuse@example\.com\n$/s)
  const json = await say(world, 'GET / HTTP/1.1\r\nHost: nobody.example.com\r\nAccept: application/json\r\n\r\n')
  assert.match(json.received, /"abuse":"mailto:abuse@example\.com"/)
})
