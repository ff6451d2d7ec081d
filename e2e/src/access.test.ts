import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Cutter } from './support/cutter.js'
import { control, openBareLink } from './support/link.js'
import { eventually } from './support/process.js'
import { RawVisitor, visit } from './support/visitor.js'
import { upgrade, Witness } from './support/witness.js'
import { World } from './support/world.js'

/** Behind a proxy that may say who the visitor is, and with all that there is in its log. */
const PROXIED = ['--trust-proxy', '127.0.0.1', '--log-level', 'debug']
const servers: Array<[what: string, args: string[]]> = [
  ['one process', []],
  ['two workers', ['--workers', '2']],
]
/** Each visit is a connection; more of them than there are workers, which are dealt connections in turn. */
const ROUNDS = 3

const FRIEND = '192.0.2.7'
const STRANGER = '198.51.100.7'
const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
const basic = (credentials: string) => `Basic ${Buffer.from(credentials).toString('base64')}`

/** A request on a bare connection. */
function get(path: string, ...lines: string[]): string {
  return [`GET ${path} HTTP/1.1`, 'Host: demo.localhost', ...lines, '', ''].join('\r\n')
}

/** The statuses of the answers on a connection, once there are so many. */
async function statuses(visitor: RawVisitor, count: number): Promise<string[]> {
  const all = (received: string) => [...received.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => status!)
  return all(await visitor.until((received) => all(received).length >= count))
}

for (const [what, args] of servers) {
  test(`${what}: --allow-ip and --deny-ip let in who may come, and the app sees nobody else`, async () => {
    await using world = await World.start({ args: [...PROXIED, ...args] })
    const app = await Witness.start(world)
    await world.agent('demo', app.port, {
      args: ['--allow-ip', '192.0.2.0/24,2001:db8::/32', '--deny-ip', '192.0.2.66'],
    })
    for (let round = 0; round < ROUNDS; round++) {
      for (const address of [FRIEND, '2001:db8::7', '::ffff:192.0.2.8', `${STRANGER}, ${FRIEND}`]) {
        assert.equal((await visit(world, 'demo', '/friend', from(address))).status, 200, address)
        assert.equal(await upgrade(world, 'demo', '/friend', from(address).headers), 101)
      }
      for (const address of [STRANGER, '192.0.2.66', '2001:db9::7', 'unknown', `${FRIEND}, ${STRANGER}`]) {
        const refused = await visit(world, 'demo', '/stranger', { ...from(address), method: 'POST', body: 'bytes' })
        assert.deepEqual([refused.status, refused.headers['x-tunnel-error']], [403, 'TUN_ERR_ADDRESS_REFUSED'], address)
        assert.equal(await upgrade(world, 'demo', '/stranger', from(address).headers), 403)
      }
      const kept = new RawVisitor(world)
      kept.send(get('/stranger', `X-Forwarded-For: ${STRANGER}`))
      assert.deepEqual(await statuses(kept, 1), ['403'])
      kept.send(get('/friend', `X-Forwarded-For: ${FRIEND}`))
      assert.deepEqual(await statuses(kept, 2), ['403', '200'])
      const pipelined = [STRANGER, FRIEND, STRANGER, FRIEND].map((address) =>
        get(address === FRIEND ? '/friend' : '/stranger', `X-Forwarded-For: ${address}`),
      )
      kept.send(pipelined.join(''))
      assert.deepEqual((await statuses(kept, 6)).slice(2), ['403', '200', '403', '200'])
    }
    assert.deepEqual(new Set(app.paths), new Set(['/friend']))
    await world.server.waitFor(/"msg":"refused by allowIp"/)
    await world.server.waitFor(/"msg":"refused by denyIp"/)
  })

  test(`${what}: --basic-auth lets in who knows a password, and nobody else ever sees it`, async () => {
    await using world = await World.start({ args: [...PROXIED, ...args] })
    const app = await Witness.start(world)
    const file = world.path('users')
    writeFileSync(file, '# friends\nbob:b0b, the friend\n\ncarol:c4rol\n')
    const agent = await world.agent('demo', app.port, {
      args: ['--basic-auth', 'alice:open:sesame', '--basic-auth-file', file, '--log-level', 'debug'],
    })
    const users = ['alice:open:sesame', 'bob:b0b, the friend', 'carol:c4rol']
    for (let round = 0; round < ROUNDS; round++) {
      for (const user of users) {
        const headers = { authorization: basic(user), 'x-forwarded-for': FRIEND }
        const answer = await visit(world, 'demo', '/friend', { headers, method: 'POST', body: 'bytes' })
        assert.deepEqual([answer.status, answer.text], [200, 'hello'], user)
        assert.equal(await upgrade(world, 'demo', '/friend', headers), 101)
      }
      const kept = new RawVisitor(world)
      kept.send(get('/stranger'))
      assert.deepEqual(await statuses(kept, 1), ['401'])
      assert.match(kept.received, /\r\nWWW-Authenticate: Basic realm="demo", charset="UTF-8"\r\n/)
      const lines = `Authorization: ${basic(users[round]!)}`
      kept.send(get('/friend', lines) + get('/stranger') + get('/friend', lines))
      assert.deepEqual(await statuses(kept, 4), ['401', '200', '401', '200'])
    }
    for (const user of ['alice:open', 'alice:', 'mallory:open:sesame', 'bob:open:sesame']) {
      const headers = { authorization: basic(user), 'x-forwarded-for': STRANGER }
      assert.equal((await visit(world, 'demo', '/stranger', { headers })).status, 401, user)
      assert.equal(await upgrade(world, 'demo', '/stranger', headers), 401)
    }
    const guesses = Array.from({ length: 30 }, (_, i) =>
      visit(world, 'demo', '/stranger', {
        headers: { authorization: basic(`alice:${i}`), 'x-forwarded-for': STRANGER },
      }),
    )
    const outcomes = await Promise.all(guesses)
    const limited = outcomes.filter(({ status }) => status === 429)
    assert.ok(limited.length > 0, 'as many guesses as anybody likes')
    for (const { headers } of limited) assert.match(headers['retry-after']!, /^[1-6]$/)
    const known = await visit(world, 'demo', '/friend', {
      headers: { authorization: basic('alice:open:sesame'), 'x-forwarded-for': STRANGER },
    })
    assert.equal(known.status, 200, 'who is known is let in from there, too')

    assert.deepEqual(new Set(app.paths), new Set(['/friend']))
    const secret = /sesame|b0b|c4rol|authorization|basic /i
    assert.doesNotMatch(app.seen.join('\n'), secret)
    assert.doesNotMatch(world.server.output + agent.output, /sesame|b0b|c4rol/)
    assert.doesNotMatch(readFileSync(`/proc/${agent.pid}/cmdline`, 'latin1'), secret)
    await world.server.waitFor(/"msg":"refused by basicAuth"/)
  })

  test(`${what}: a request that came before the agent was back is looked at when it is sent`, async () => {
    await using world = await World.start({ args: [...PROXIED, '--park', '30s', ...args] })
    const cutter = await Cutter.start(world)
    const app = await Witness.start(world)
    const agent = await world.agent('demo', app.port, {
      args: ['--allow-ip', FRIEND, '--basic-auth', 'alice:secret'],
      env: { TUNNEL_SERVER: cutter.url },
    })
    cutter.closed = true
    world.server.kill('SIGKILL')
    await world.server.exited
    await world.startServer() // which knows the name, and not its rules
    const strangers = Array.from({ length: 4 }, () => visit(world, 'demo', '/stranger', from(STRANGER)))
    const nobodies = Array.from({ length: 4 }, () => visit(world, 'demo', '/nobody', from(FRIEND)))
    const headers = { authorization: basic('alice:secret'), 'x-forwarded-for': FRIEND }
    const friends = Array.from({ length: 4 }, () => visit(world, 'demo', '/friend', { headers }))
    const health = async () =>
      ((await (await fetch(`${world.url}/api/health`)).json()) as { sessions: number }).sessions
    assert.equal(await health(), 0)
    cutter.closed = false
    await agent.waitFor(/online again/, 'stderr')
    assert.deepEqual(new Set((await Promise.all(strangers)).map(({ status }) => status)), new Set([403]))
    assert.deepEqual(new Set((await Promise.all(nobodies)).map(({ status }) => status)), new Set([401]))
    assert.deepEqual(new Set((await Promise.all(friends)).map(({ status }) => status)), new Set([200]))
    assert.deepEqual(app.paths, Array(4).fill('/friend'))
  })

  test(`${what}: the rules of a tunnel hold while its agent has lost its link, and when it is back on another one`, async () => {
    await using world = await World.start({ args: [...PROXIED, '--park', '30s', ...args] })
    const cutter = await Cutter.start(world)
    const app = await Witness.start(world)
    const agent = await world.agent('demo', app.port, {
      args: ['--allow-ip', FRIEND],
      env: { TUNNEL_SERVER: cutter.url },
    })
    cutter.closed = true
    cutter.cut()
    await world.server.waitFor(/agent lost its connection/)
    const waiting = Array.from({ length: 3 }, () => visit(world, 'demo', '/friend', from(FRIEND)))
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal((await visit(world, 'demo', '/stranger', from(STRANGER))).status, 403, 'without an agent')
    }
    cutter.closed = false
    await agent.waitFor(/online again/, 'stderr')
    for (const { status } of await Promise.all(waiting)) assert.equal(status, 200)
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal((await visit(world, 'demo', '/stranger', from(STRANGER))).status, 403)
      assert.equal((await visit(world, 'demo', '/friend', from(FRIEND))).status, 200)
    }
    assert.deepEqual(new Set(app.paths), new Set(['/friend']))
  })

  test(`${what}: an agent that comes with other rules is asked under those, from the first request on`, async () => {
    await using world = await World.start({ args: [...PROXIED, '--park', '30s', ...args] })
    const [open, guarded] = [await Witness.start(world), await Witness.start(world)]
    const state = world.newState()
    const first = await world.agent('demo', open.port, { state })
    assert.equal((await visit(world, 'demo', '/open', from(STRANGER))).status, 200)
    let over = false
    const visitors = Array.from({ length: 4 }, async () => {
      while (!over) await visit(world, 'demo', '/', from(STRANGER)).catch(() => {})
    })
    await world.agent('demo', guarded.port, { args: ['--force', '--allow-ip', FRIEND], state })
    assert.equal(await first.exitCode(), 73)
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal((await visit(world, 'demo', '/', from(STRANGER))).status, 403)
    }
    over = true
    await Promise.all(visitors)
    assert.deepEqual(guarded.seen, [])
  })
}

test('an agent of a pool needs the rules of the others, or says that it takes the name over', async () => {
  await using world = await World.start({ args: PROXIED })
  const app = await Witness.start(world)
  const pool = (...args: string[]) => ({ args: ['--pool', ...args] })
  const guard = ['--allow-ip', FRIEND, '--basic-auth', 'alice:secret']
  const first = await world.agent('demo', app.port, pool(...guard))
  await world.agent('demo', app.port, pool(...guard))
  for (const args of [
    [],
    ['--allow-ip', FRIEND],
    [...guard, '--deny-ip', '::1'],
    ['--allow-ip', FRIEND, '--basic-auth', 'alice:other'],
  ]) {
    const other = world.tunnel(['-p', String(app.port), '-s', 'demo', '--pool', ...args])
    assert.equal(await other.exitCode(), 78, other.output)
    assert.match(other.stderr, /tunnel: you can't join "demo": the agents that serve it have other rules for visitors/)
  }
  assert.equal((await visit(world, 'demo', '/', from(FRIEND))).status, 401)
  await world.agent('demo', app.port, pool('--force', '--deny-ip', STRANGER))
  assert.equal(await first.exitCode(), 73)
  assert.equal((await visit(world, 'demo', '/', from(FRIEND))).status, 200)
  assert.equal((await visit(world, 'demo', '/', from(STRANGER))).status, 403)
})

test('rules come from a file too; flags and environment win over their parts', async () => {
  await using world = await World.start({ args: PROXIED })
  const app = await Witness.start(world)
  const file = world.path('tunnel.yaml')
  const yaml = `port: ${app.port}\nsubdomain: demo\nbasic-auth: ["alice:a,b"]\nrules:\n  denyIp: [${STRANGER}]\n`
  writeFileSync(file, yaml)
  const agent = world.tunnel(['--config', file])
  await agent.waitFor(/^http\S+\n/, 'stdout')
  const headers = (address: string) => ({ authorization: basic('alice:a,b'), 'x-forwarded-for': address })
  assert.equal((await visit(world, 'demo', '/', { headers: headers(STRANGER) })).status, 403)
  assert.equal((await visit(world, 'demo', '/', { headers: headers(FRIEND) })).status, 200)
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0)
  const other = world.tunnel([], { env: { TUNNEL_CLIENT_CONFIG: file, TUNNEL_DENY_IP: FRIEND } })
  await other.waitFor(/^http\S+\n/, 'stdout')
  assert.equal((await visit(world, 'demo', '/', { headers: headers(STRANGER) })).status, 200)
  assert.equal((await visit(world, 'demo', '/', { headers: headers(FRIEND) })).status, 403)
})

const unusable: Array<[args: string[], words: RegExp]> = [
  [['--allow-ip', '10.0.0.0/33'], /^tunnel: --allow-ip: expected addresses or CIDRs .*, got "10\.0\.0\.0\/33"$/m],
  [['--allow-ip', ''], /^tunnel: --allow-ip: expected addresses/m],
  [['--basic-auth', 'hunter2'], /^tunnel: --basic-auth: expected user:password$/m],
  [['--basic-auth-file', '/nowhere'], /^tunnel: --basic-auth-file: cannot read \/nowhere \(ENOENT\)$/m],
  [['--password', ''], /^tunnel: --password: expected 1 to 1024 characters$/m],
]
test('what can not be a rule ends the command with 78 and a line that shows no secret', async () => {
  await using world = await World.start()
  for (const [args, words] of unusable) {
    const agent = world.tunnel(['8080', ...args])
    assert.equal(await agent.exitCode(), 78, agent.output)
    assert.match(agent.stderr, words)
    assert.doesNotMatch(agent.output, /hunter2/)
  }
})

test('a server refuses rules that it does not understand, and tells which; the session may go on', async () => {
  await using world = await World.start()
  const link = await openBareLink(world)
  const binds = [
    { tunnel: 1, name: 'one', rules: { allowIp: ['10.0.0.0/8'], trustMe: true } },
    { tunnel: 2, name: 'two', rules: { denyIp: ['10.0.0.0/8'] } },
    { tunnel: 3, name: 'three' },
  ]
  link.send(control({ type: 'hello', binds }))
  await eventually('all are answered', () => link.controls().length === 4)
  const [, refused, two, three] = link.controls()
  assert.deepEqual([refused!.type, refused!.tunnel, refused!.code], ['refused', 1, 'TUN_ERR_RULES'])
  assert.match(String(refused!.message), /^rules: expected no fields but allowIp, denyIp, .*, found "trustMe"$/)
  assert.deepEqual([two!.type, two!.tunnel, two!.rules], ['bound', 2, true])
  assert.deepEqual([three!.type, three!.tunnel, three!.rules], ['bound', 3, undefined])
  assert.equal((await visit(world, 'one', '/')).status, 404)
})
