import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { Cutter } from './support/cutter.js'
import { control, openBareLink } from './support/link.js'
import { eventually, type Running } from './support/process.js'
import { RawVisitor, visit } from './support/visitor.js'
import { serverBin, World } from './support/world.js'

const hello: RequestListener = (_request, response) => response.end('hello')

async function killServer(world: World): Promise<void> {
  world.server.kill('SIGKILL')
  await world.server.exited
}

async function killed(agent: Running): Promise<void> {
  agent.kill('SIGKILL')
  await agent.exited
}

/** Open a tunnel under a name of the server's. Returns the name. */
async function randomTunnel(world: World, port: number): Promise<{ agent: Running; name: string }> {
  const agent = world.tunnel([String(port)])
  const [url] = await agent.waitFor(/http\S+/, 'stdout')
  return { agent, name: new URL(url).hostname.split('.')[0]! }
}

for (const [what, forget] of [
  ['knows its names', () => {}],
  ['has lost them, by the signed claim alone', (world: World) => rmSync(join(world.dataDir, 'names.json'))],
] as const) {
  test(`a random name is taken back from a server that was killed and ${what}`, async () => {
    await using world = await World.start()
    const { agent, name } = await randomTunnel(world, await world.app(hello))
    await killServer(world)
    forget(world)
    await world.startServer()
    const answer = await eventually('the tunnel is back', async () => {
      const { status, text } = await visit(world, name, '/')
      return status !== 404 && { status, text }
    })
    assert.deepEqual(answer, { status: 200, text: 'hello' })
    assert.equal(agent.stdout.match(/http/g)?.length, 1, 'the URL is the one it was')
  })
}

test('after a restart a name is kept for its owner: strangers are refused, visitors wait for it', async () => {
  await using world = await World.start({ env: { TUNNEL_TOKENS: 'alice,bob' }, args: ['--park', '30s'] })
  const port = await world.app(hello)
  const state = world.newState()
  const settings = { state, env: { TUNNEL_TOKEN: 'alice' } }
  const first = await world.agent('demo', port, settings)
  await killed(first)
  await killServer(world)
  await world.startServer()
  const visitor = new RawVisitor(world)
  visitor.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')

  const stranger = world.tunnel(['-p', String(port), '-s', 'demo', '--force'], { env: { TUNNEL_TOKEN: 'bob' } })
  assert.equal(await stranger.exitCode(), 73)
  assert.match(stranger.stderr, /is kept for an agent that is away for a moment, choose another one/)
  assert.equal(visitor.received, '')
  await world.agent('demo', port, settings)
  await visitor.until((received) => received.endsWith('hello'))
})

test('a request that comes right after the restart is served by the agent that comes back', async () => {
  await using world = await World.start({ args: ['--park', '30s'] })
  await world.agent('demo', await world.app(hello))
  await killServer(world)
  await world.startServer()
  assert.equal((await visit(world, 'demo', '/', { method: 'POST', body: 'x' })).text, 'hello')
})

test('a server that shuts down in order leaves its names to the next one', async () => {
  await using world = await World.start()
  const port = await world.app(hello)
  const state = world.newState()
  const agent = await world.agent('demo', port, { state })
  await killed(agent)
  world.server.kill('SIGTERM')
  assert.equal(await world.server.exitCode(), 0)
  await world.startServer()
  const stranger = world.tunnel(['-p', String(port), '-s', 'demo'])
  assert.equal(await stranger.exitCode(), 73)
  await world.agent('demo', port, { state })
})

test('a server that is killed at any moment starts again and knows every name that an agent was told', async () => {
  await using world = await World.start({ args: ['--max-tunnels-per-account', '60000', '--ping-interval', '0'] })
  const told = new Set<string>()
  for (let round = 0; round < 6; round++) {
    const links = await Promise.all(Array.from({ length: 8 }, () => openBareLink(world)))
    const before = told.size
    links.forEach((link, i) => {
      const names = Array.from({ length: 40 }, (_, k) => `n${round}-${i}-${k}`)
      link.send(control({ type: 'hello', binds: names.map((name, tunnel) => ({ tunnel, name })) }))
    })
    // Killed while some have heard, and others are being written.
    await eventually('some are told', () => links.some((link) => link.controls().some(({ type }) => type === 'bound')))
    world.server.kill('SIGKILL')
    await Promise.all(links.map((link) => link.closed()))
    await world.server.exited
    for (const link of links) {
      for (const { type, name } of link.controls()) if (type === 'bound') told.add(String(name))
    }
    assert.ok(told.size > before)
    await world.startServer()
    const known = new Set(
      JSON.parse(readFileSync(join(world.dataDir, 'names.json'), 'utf8')).names.map(
        (each: { name: string }) => each.name,
      ),
    )
    assert.deepEqual(
      [...told].filter((name) => !known.has(name)),
      [],
    )
  }
})

for (const [file, content] of [
  ['claims.key', 'short'],
  ['names.json', '{"version":1,"names":['],
] as const) {
  test(`a server whose ${file} is damaged says so, does not start, and leaves it as it is`, async () => {
    await using world = await World.start()
    await killServer(world)
    writeFileSync(join(world.dataDir, file), content)
    const server = world.run(serverBin, ['--port', '0', '--data-dir', world.dataDir])
    assert.equal(await server.exitCode(), 78)
    assert.match(server.stderr, new RegExp(`^tunnel-server: --data-dir: .*${file} .*\n$`))
    assert.equal(readFileSync(join(world.dataDir, file), 'utf8'), content)
  })
}

test('a data folder that can not be used ends the server when it was asked for, and is a warning when it was not', async () => {
  await using world = await World.start()
  const file = world.path('file')
  writeFileSync(file, '')
  const asked = world.run(serverBin, ['--port', '0'], { TUNNEL_DATA_DIR: file })
  assert.equal(await asked.exitCode(), 78)
  assert.match(asked.stderr, /--data-dir: .*file can't be used/)
  const unasked = world.run(serverBin, ['--port', '0'], { XDG_STATE_HOME: file })
  await unasked.waitFor(/kept in memory only, and are lost with this process; set --data-dir/)
  await unasked.waitFor(/ready on/)
})

test('two servers that start at once agree on one key, which nobody else can read', async () => {
  await using world = await World.start()
  const folder = world.path('shared')
  const servers = [1, 2, 3].map(() => world.run(serverBin, ['--port', '0', '--data-dir', folder]))
  for (const server of servers) await server.waitFor(/ready on/)
  assert.equal(statSync(join(folder, 'claims.key')).size, 32)
  if (process.platform !== 'win32') {
    assert.equal(statSync(join(folder, 'claims.key')).mode & 0o777, 0o600)
    assert.equal(statSync(folder).mode & 0o777, 0o700)
  }
})

test('tunnel --force takes a name over: the first agent is told and ends with 73, and its claim is void', async () => {
  await using world = await World.start({ env: { TUNNEL_TOKENS: 'alice,bob' } })
  const [one, two] = await Promise.all(
    ['one', 'two'].map((text) => world.app((_request, response) => void response.end(text))),
  )
  const alice = { env: { TUNNEL_TOKEN: 'alice' } }
  const state = world.newState()
  const first = await world.agent('demo', one!, { ...alice, state })
  const polite = world.tunnel(['-p', String(two), '-s', 'demo'], alice)
  assert.equal(await polite.exitCode(), 73)
  assert.match(polite.stderr, /the name "demo" is in use; it is of your account: --force takes it over/)
  const thief = world.tunnel(['-p', String(two), '-s', 'demo', '--force'], { env: { TUNNEL_TOKEN: 'bob' } })
  assert.equal(await thief.exitCode(), 73)
  assert.doesNotMatch(thief.stderr, /account/)
  assert.equal((await visit(world, 'demo', '/')).text, 'one')

  const second = await world.agent('demo', two!, { ...alice, args: ['--force'] })
  assert.equal(await first.exitCode(), 73)
  assert.match(first.stderr, /another agent of your account has taken the name "demo" over \(--force\)/)
  assert.equal((await visit(world, 'demo', '/')).text, 'two')

  await killed(second)
  await world.server.waitFor(/agent lost its connection/)
  const again = world.tunnel(['-p', String(one), '-s', 'demo'], { ...alice, state })
  assert.equal(await again.exitCode(), 73)
})

test('an agent that took its name by force, and finds it taken by force, does not take it back', async () => {
  await using world = await World.start({ args: ['--resume-grace', '0'] })
  const port = await world.app(hello)
  const cutter = await Cutter.start(world)
  const first = await world.agent('demo', port, { args: ['--force'], env: { TUNNEL_SERVER: cutter.url } })
  cutter.closed = true
  cutter.cut()
  await world.server.waitFor(/agent gone/)
  const second = await world.agent('demo', port, { args: ['--force'] })
  cutter.closed = false
  assert.equal(await first.exitCode(), 73)
  assert.ok(second.running)
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
})
