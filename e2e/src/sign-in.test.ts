import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { chromium, skipChromium } from './support/chromium.js'
import { Cutter } from './support/cutter.js'
import { RawVisitor, visit } from './support/visitor.js'
import { upgrade, Witness } from './support/witness.js'
import { World } from './support/world.js'

const PASSWORD = 'Käse & "Brot"'
const servers: Array<[what: string, args: string[]]> = [
  ['one process', []],
  ['two workers', ['--workers', '2']],
]
/** Each visit is a connection; more of them than there are workers, which are dealt connections in turn. */
const ROUNDS = 3
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'sec-fetch-mode': 'navigate' }

/** A form that a browser sends. */
function post(world: World, name: string, path: string, fields: Record<string, string>, headers = {}) {
  const body = new URLSearchParams(fields).toString()
  return visit(world, name, path, {
    method: 'POST',
    body,
    headers: {
      ...BROWSER,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': body.length,
      ...headers,
    },
  })
}

/** Sign in. Returns the cookie as browsers send it. */
async function signIn(world: World, name: string, to = '/'): Promise<string> {
  const { status, headers, text } = await post(world, name, '/.tunnel/sign-in', { password: PASSWORD, to })
  assert.deepEqual([status, headers.location], [303, to], text)
  const [cookie = ''] = headers['set-cookie'] ?? []
  assert.match(cookie, /^tunnel-pass=[\w.-]+; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax$/)
  return cookie.split(';')[0]!
}

for (const [what, args] of servers) {
  test(`${what}: --password lets in who has typed it, for everything, and no app sees password or pass`, async () => {
    await using world = await World.start({ args: ['--log-level', 'debug', ...args] })
    const app = await Witness.start(world)
    const agent = await world.agent('demo', app.port, { args: ['--password', PASSWORD, '--log-level', 'debug'] })
    await world.agent('open', app.port)
    for (let round = 0; round < ROUNDS; round++) {
      const page = await visit(world, 'demo', '/stranger', { headers: BROWSER })
      assert.equal(page.status, 401)
      assert.match(page.text, /<h1>Sign in to demo\.<wbr>localhost:\d+<\/h1>/)
      assert.equal((await visit(world, 'demo', '/stranger')).headers['x-tunnel-error'], 'TUN_ERR_SIGN_IN')
      assert.equal((await visit(world, 'demo', '/stranger', { method: 'POST', body: 'bytes' })).status, 401)
      assert.equal(await upgrade(world, 'demo', '/stranger'), 401)
      const wrong = await post(world, 'demo', '/.tunnel/sign-in', { password: `wrong ${round}` })
      assert.equal(wrong.status, 401)
      assert.match(wrong.text, /That is not the password/)

      const cookie = await signIn(world, 'demo', '/friend?x')
      const headers = { cookie: `a=1; ${cookie}; b=2` }
      const answer = await visit(world, 'demo', '/friend', { headers, method: 'POST', body: 'bytes' })
      assert.deepEqual([answer.status, answer.headers['set-cookie']], [200, ['app=1']])
      assert.equal(await upgrade(world, 'demo', '/friend', headers), 101)
      const kept = new RawVisitor(world)
      const request = (path: string, line: string) => `GET ${path} HTTP/1.1\r\nHost: demo.localhost\r\n${line}\r\n`
      kept.send(request('/stranger', '') + request('/friend', `Cookie: ${cookie}\r\n`) + request('/stranger', ''))
      const statuses = (received: string) => [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status)
      await kept.until((received) => statuses(received).length === 3)
      assert.deepEqual(statuses(kept.received), ['401', '200', '401'])
      assert.equal((await visit(world, 'open', '/friend', { headers })).status, 200)
    }
    assert.deepEqual(new Set(app.paths), new Set(['/friend']))
    for (const text of [app.seen.join('\n'), world.server.output, agent.output]) {
      assert.doesNotMatch(text, /tunnel-pass|Brot/)
    }
    assert.doesNotMatch(readFileSync(`/proc/${agent.pid}/cmdline`, 'utf8'), /Brot/)
    await world.server.waitFor(/"msg":"refused by password"/)
    await world.server.waitFor(/"msg":"signed in"/)
  })

  test(`${what}: a pass outlives server and agent, and is void with another password`, async () => {
    await using world = await World.start({ args })
    const app = await Witness.start(world)
    const state = world.newState()
    const settings = { args: ['--password', PASSWORD], state }
    const first = await world.agent('demo', app.port, settings)
    const headers = { cookie: await signIn(world, 'demo') }
    first.kill('SIGKILL')
    await first.exited
    world.server.kill('SIGKILL')
    await world.server.exited
    await world.startServer()
    const second = await world.agent('demo', app.port, settings)
    for (let round = 0; round < ROUNDS; round++)
      assert.equal((await visit(world, 'demo', '/', { headers })).status, 200)
    second.kill('SIGINT')
    assert.equal(await second.exitCode(), 0)
    await world.agent('demo', app.port, { args: ['--password', 'another'], state })
    await world.agent('other', app.port, { args: ['--password', PASSWORD] })
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of ['demo', 'other']) assert.equal((await visit(world, name, '/', { headers })).status, 401, name)
    }
  })

  test(`${what}: nothing of the server's own is on the host of a tunnel but its door, and no door elsewhere`, async () => {
    await using world = await World.start({ args })
    const app = await Witness.start(world)
    await world.agent('demo', app.port, { args: ['--password', PASSWORD] })
    for (const path of [
      '/.tunnel/',
      '/.tunnel/x',
      '/.tunnel/../api/health',
      '/.tunnel//api/health',
      '/.tunnel/sign-in/../../api/health',
    ]) {
      const { status, text } = await visit(world, 'demo', path)
      assert.deepEqual([status, /uptime/.test(text)], [404, false], path)
    }
    assert.equal((await fetch(`${world.url}/.tunnel/sign-in`)).status, 404)
    const visitor = new RawVisitor(world)
    const request = (path: string, lines = '') => `GET ${path} HTTP/1.1\r\nHost: demo.localhost\r\n${lines}\r\n`
    const link =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: tunnel.v1\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    visitor.send(request('/.tunnel/sign-in') + request('/api/health') + request('/api/link', link))
    await visitor.closed()
    assert.doesNotMatch(visitor.received, /uptime| 101 /)
    assert.deepEqual(app.seen, [])
  })
}

test('whoever signs in while the agent is away is answered by it when it is back, if there is no server that knows the rules', async () => {
  await using world = await World.start({ args: ['--park', '30s'] })
  const cutter = await Cutter.start(world)
  const app = await Witness.start(world)
  const agent = await world.agent('demo', app.port, {
    args: ['--password', PASSWORD],
    env: { TUNNEL_SERVER: cutter.url },
  })
  cutter.closed = true
  world.server.kill('SIGKILL')
  await world.server.exited
  await world.startServer()
  const waiting = post(world, 'demo', '/.tunnel/sign-in', { password: PASSWORD })
  await visit(world, 'nobody', '/') // the server has heard of the one before
  cutter.closed = false
  await agent.waitFor(/online again/, 'stderr')
  assert.equal((await waiting).status, 303)
  assert.deepEqual(app.seen, [])
})

test('behind TLS the pass is in a cookie of that host alone', async () => {
  await using world = await World.start({ args: ['--trust-proxy', '127.0.0.1'] })
  const app = await Witness.start(world)
  await world.agent('demo', app.port, { args: ['--password', PASSWORD] })
  const tls = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' }
  const { headers } = await post(world, 'demo', '/.tunnel/sign-in', { password: PASSWORD }, tls)
  const [cookie = ''] = headers['set-cookie'] ?? []
  assert.match(cookie, /^__Host-tunnel-pass=[\w.-]+; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure$/)
  const shown = { cookie: cookie.split(';')[0]! }
  assert.equal((await visit(world, 'demo', '/', { headers: { ...tls, ...shown } })).status, 200)
  assert.equal((await visit(world, 'demo', '/', { headers: shown })).status, 401)
})

test('an address that guesses too often is told to wait', async () => {
  await using world = await World.start()
  const app = await Witness.start(world)
  await world.agent('demo', app.port, { args: ['--password', PASSWORD] })
  const guess = (i: number) => post(world, 'demo', '/.tunnel/sign-in', { password: `guess ${i}` })
  const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => guess(i)))
  const limited = answers.filter(({ status }) => status === 429)
  assert.ok(limited.length > 0 && limited.length < 30, `${limited.length} of 30`)
  for (const { headers, text } of limited) {
    assert.match(headers['retry-after']!, /^[1-6]$/)
    assert.match(text, /Too many passwords have been tried/)
  }
})

for (const [what, args] of servers) {
  test(`${what}: on a server that warns, a browser sees the app after the warning only`, async () => {
    await using world = await World.start({ args: [...args, '--interstitial', '--abuse-contact', 'abuse@example.com'] })
    const app = await Witness.start(world)
    await world.agent('demo', app.port)
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal((await visit(world, 'demo', '/stranger', { headers: BROWSER })).status, 403)
    }
    const page = await visit(world, 'demo', '/a?b', { headers: BROWSER })
    assert.deepEqual([page.status, page.headers['x-tunnel-error']], [403, 'TUN_ERR_UNCONFIRMED'])
    assert.match(page.text, /href="mailto:abuse@example\.com"/)
    assert.deepEqual(app.seen, [])
    assert.equal((await visit(world, 'demo', '/curl')).status, 200)
    const skips = { ...BROWSER, 'tunnel-skip-warning': '1' }
    assert.equal((await visit(world, 'demo', '/skips', { headers: skips })).status, 200)
    const foreign = await post(world, 'demo', '/.tunnel/continue', { to: '/a?b' }, { 'sec-fetch-site': 'cross-site' })
    assert.deepEqual([foreign.status, foreign.headers['set-cookie']], [403, undefined])
    const confirmed = await post(
      world,
      'demo',
      '/.tunnel/continue',
      { to: '/a?b' },
      { 'sec-fetch-site': 'same-origin' },
    )
    assert.deepEqual([confirmed.status, confirmed.headers.location], [303, '/a?b'])
    const [cookie = ''] = confirmed.headers['set-cookie'] ?? []
    const warned = { ...BROWSER, cookie: cookie.split(';')[0]! }
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal((await visit(world, 'demo', '/a', { headers: warned })).status, 200)
    }
    assert.deepEqual(app.paths, ['/curl', '/skips', ...Array(ROUNDS).fill('/a')])
  })
}

test('in a browser: sign in, go on where one wanted to go, sign out; read the warning once', {
  skip: skipChromium,
}, async () => {
  await using world = await World.start({ args: ['--interstitial'] })
  const app = await Witness.start(world)
  await world.agent('demo', app.port, { args: ['--password', PASSWORD] })
  await world.agent('open', app.port)
  const browser = await chromium()
  world.onLeave(() => browser.close())
  const page = await browser.newPage()
  const url = (name: string, path: string) => `http://${name}.localhost:${world.port}${path}`
  await page.goto(url('demo', '/wanted?x=1'))
  await page.fill('#password', 'wrong')
  await page.click('button')
  await page.getByText('That is not the password').waitFor()
  await page.fill('#password', PASSWORD)
  await page.keyboard.press('Enter')
  await page.getByText('hello').waitFor()
  assert.equal(page.url(), url('demo', '/wanted?x=1'))
  const cookies = (await page.context().cookies()).filter(({ name }) => name === 'tunnel-pass')
  assert.deepEqual(
    cookies.map(({ domain, httpOnly, sameSite, path }) => ({ domain, httpOnly, sameSite, path })),
    [{ domain: 'demo.localhost', httpOnly: true, sameSite: 'Lax', path: '/' }],
  )
  await page.goto(url('demo', '/.tunnel/sign-out'))
  await page.getByText('You have signed out').waitFor()
  await page.goto(url('demo', '/'))
  await page.getByText('Sign in to demo.localhost').waitFor()
  await page.goto(url('open', '/there'))
  await page.getByText('You are about to visit open.localhost').waitFor()
  await page.click('button')
  await page.getByText('hello').waitFor()
  await page.goto(url('open', '/again'))
  await page.getByText('hello').waitFor()
  assert.doesNotMatch(app.seen.join('\n'), /tunnel-pass|Brot/)
})
