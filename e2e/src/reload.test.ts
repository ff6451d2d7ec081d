import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventually, type Running } from './support/process.js'
import { open, RawVisitor, readAll, responseOf, visit } from './support/visitor.js'
import { serverBin, World } from './support/world.js'

/** Send SIGHUP, and wait until the server says what has come of it. */
async function reload(server: Running, outcome: RegExp): Promise<void> {
  const before = server.stdout.length
  server.kill('SIGHUP')
  await eventually(`${outcome}`, () => outcome.test(server.stdout.slice(before)))
}

test('SIGHUP reads settings and tokens again, and touches nothing that is open', async () => {
  await using world = await World.create()
  const config = world.path('tunnel.yaml')
  const tokens = world.path('tokens')
  const write = (settings: string) => writeFileSync(config, `token-file: ${tokens}\n${settings}`)
  write('max-url-bytes: 64\n')
  writeFileSync(tokens, 'alice\nbob\n')
  await world.startServer(0, { args: ['--config', config] })
  let finish = () => {}
  const app = await world.app((request, response) => {
    if (request.url === '/slow') {
      response.write('begun ')
      finish = () => void response.end('and ended')
    } else response.end('hello')
  })
  const alice = await world.agent('demo', app, { env: { TUNNEL_TOKEN: 'alice' } })
  const bob = await world.agent('other', app, { env: { TUNNEL_TOKEN: 'bob' } })
  const slow = open(world, 'demo', '/slow')
  slow.end()
  const answer = await responseOf(slow)
  const kept = new RawVisitor(world)
  const long = `/${'x'.repeat(100)}`
  const ask = async (times: number) => {
    kept.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
    await kept.until((received) => received.split('hello').length === times + 1)
  }
  await ask(1)
  assert.equal((await visit(world, 'demo', long)).status, 414)

  write('max-url-bytes: 1k\nlog-level: debug\n')
  writeFileSync(tokens, 'alice\ncarol\n')
  await reload(world.server, /configuration read again"/)
  assert.equal((await visit(world, 'demo', long)).status, 200)
  await world.server.waitFor(/"msg":"served"/) // level debug logs requests
  await ask(2)
  assert.ok(alice.running)
  assert.equal(await bob.exitCode(), 77, 'whose token is gone has to go')
  assert.match(bob.stderr, /no longer knows the token/)
  await world.agent('third', app, { env: { TUNNEL_TOKEN: 'carol' } })

  write('max-url-bytes: 1k\ndomain: example.com\nhost: 127.0.0.2\n')
  await reload(world.server, /"settings":\["domain","host"\],.*some settings change with the next start only/)
  for (const [settings, complaint] of [
    ['max-url-bytes: 1\n', /max-url-bytes: expected a size such as 64k or 1m/],
    ['max-url: 1\n', /there is no setting \\"max-url\\"/],
    ['max-url-bytes: [\n', /is not YAML \(line/],
  ] as const) {
    write(settings)
    await reload(world.server, complaint)
    assert.equal((await visit(world, 'demo', long)).status, 200, 'what cannot be used changes nothing')
  }
  writeFileSync(tokens, '# nobody\n')
  write('')
  await reload(world.server, /holds no token/)
  finish()
  assert.equal(String(await readAll(answer)), 'begun and ended')
  await ask(3)
})

test('taking away the last token does not open the server to everyone', async () => {
  await using world = await World.create()
  const config = world.path('tunnel.yaml')
  writeFileSync(config, 'tokens: [alice]\n')
  await world.startServer(0, { env: { TUNNEL_CONFIG: config } })
  const alice = await world.agent('demo', 8080, { env: { TUNNEL_TOKEN: 'alice' } })
  writeFileSync(config, '\n')
  await reload(world.server, /configuration read again"/)
  assert.equal(await alice.exitCode(), 77)
  const stranger = world.tunnel(['8080'])
  assert.equal(await stranger.exitCode(), 77)
})

test('a config file that cannot be used ends the server at once, naming file and setting', async () => {
  await using world = await World.create()
  const config = world.path('tunnel.yaml')
  for (const [content, message] of [
    ['drain: soon', /tunnel\.yaml: drain: expected a duration such as .*, got "soon"/],
    ['drian: 1s', /tunnel\.yaml: there is no setting "drian"; they are called like the flags/],
    ['tokens: {secret: x}', /tunnel\.yaml: tokens: expected text, a number, true, false or a list of them$/m],
  ] as const) {
    writeFileSync(config, content)
    const server = world.run(serverBin, ['--port', '0', '--config', config])
    assert.equal(await server.exitCode(), 78)
    assert.match(server.stderr, message)
    assert.doesNotMatch(server.output, /secret/)
  }
  const server = world.run(serverBin, ['--port', '0', '--config', world.path('none')])
  assert.equal(await server.exitCode(), 78)
  assert.match(server.stderr, /--config: cannot read .*none \(ENOENT\)/)
})
