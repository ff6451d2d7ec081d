import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { Tunnel, tunnel } from 'tunnel-client'
import { ApiStandIn } from './support/api-stand-in.js'
import { ownAuthority, selfSigned } from './support/certificate.js'
import { ConnectProxy } from './support/connect-proxy.js'
import { sha } from './support/hash.js'
import { eventually, type Running } from './support/process.js'
import { visit } from './support/visitor.js'
import { within } from './support/within.js'
import { tunnelBin, World } from './support/world.js'

/** No proxies, whatever the machine that runs the tests has, and the token that servers here want. */
const base: Record<string, string> = { TUNNEL_TOKEN: 'sesame' }
for (const name of ['https_proxy', 'http_proxy', 'all_proxy', 'no_proxy']) {
  base[name] = ''
  base[name.toUpperCase()] = ''
}
const PASSWORD = 'pr0xy-p4ss-do-not-show'

/** A server that is known as tunnel.test, a name that only the proxy knows the way to. */
async function start(): Promise<{ world: World; server: string; app: number }> {
  const args = ['-d', 'tunnel.test', '--host', '127.0.0.1']
  const world = await World.start({ args, env: { TUNNEL_TOKENS: 'sesame' } })
  const app = await world.app((request, response) => {
    if (request.method === 'PUT') request.pipe(response)
    else response.end('the app')
  })
  return { world, server: `http://tunnel.test:${world.port}`, app }
}

async function goesThrough(
  world: World,
  app: number,
  env: Record<string, string>,
  args: string[] = [],
  domain = 'tunnel.test',
): Promise<void> {
  const agent = await world.agent('demo', app, {
    args: ['--log-level', 'debug', ...args],
    env: { ...base, ...env },
  })
  const answer = await visit(world, 'demo', '/', { headers: { host: `demo.${domain}` } })
  assert.equal(answer.text, 'the app', agent.output)
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0, agent.output)
  assert.ok(!agent.output.includes(PASSWORD), agent.output)
}

/** One line, this exit code, and no password. */
async function fails(agent: Running, code: number, line: RegExp): Promise<void> {
  assert.equal(await agent.exitCode(), code, agent.output)
  assert.equal(agent.stdout, '')
  assert.match(agent.stderr, /^[^\n]*\n$/)
  assert.match(agent.stderr, line)
  assert.ok(!agent.output.includes(PASSWORD), agent.output)
}

test('a link goes through the proxy that the environment or --proxy names', async () => {
  const { world, server, app } = await start()
  await using _ = world
  const proxy = await ConnectProxy.start(world)
  const wrong = 'http://localhost:1'
  const rows: Array<[Record<string, string>, string[]]> = [
    [{ HTTP_PROXY: proxy.url }, []],
    [{ http_proxy: proxy.url, HTTP_PROXY: wrong }, []],
    [{ ALL_PROXY: proxy.url, HTTPS_PROXY: wrong }, []],
    [{ HTTP_PROXY: proxy.url.slice('http://'.length) }, []],
    [{ HTTP_PROXY: proxy.url, NO_PROXY: 'other.test' }, []],
    [{ HTTP_PROXY: wrong }, ['--proxy', proxy.url]],
    [{ TUNNEL_PROXY: proxy.url, HTTP_PROXY: wrong, NO_PROXY: '*' }, []],
  ]
  for (const [env, args] of rows) {
    proxy.targets.length = 0
    await goesThrough(world, app, { TUNNEL_SERVER: server, ...env }, args)
    assert.deepEqual(proxy.targets, [`tunnel.test:${world.port}`])
  }
  await eventually('the proxy has no connection left', () => proxy.open.size === 0)
})

test('a server on this machine has no proxy, unless --proxy says so', async () => {
  await using world = await World.start()
  const app = await world.app((_request, response) => response.end('the app'))
  const proxy = await ConnectProxy.start(world)
  const env = { HTTP_PROXY: proxy.url, ALL_PROXY: proxy.url, TUNNEL_TOKEN: '' }
  for (const host of ['localhost', '127.0.0.1']) {
    await goesThrough(world, app, env, ['--server', `http://${host}:${world.port}`], 'localhost')
  }
  assert.deepEqual(proxy.targets, [])
  await goesThrough(world, app, { TUNNEL_TOKEN: '' }, ['--proxy', proxy.url], 'localhost')
  assert.deepEqual(proxy.targets, [`localhost:${world.port}`])
})

test('NO_PROXY and --proxy none go straight', async () => {
  const { world, server } = await start()
  await using _ = world
  const proxy = await ConnectProxy.start(world)
  for (const [env, args] of [
    [{ HTTP_PROXY: proxy.url, NO_PROXY: '.test' }, []],
    [{ HTTP_PROXY: proxy.url }, ['--proxy', 'none']],
  ] as const) {
    const agent = world.tunnel(['8089', ...args], { env: { ...base, TUNNEL_SERVER: server, ...env } })
    // There is no such host: it was looked for here.
    await agent.waitFor(/cannot reach http:\/\/tunnel\.test:\d+: .*trying again/, 'stderr')
  }
  assert.deepEqual(proxy.targets, [])
})

test('large bodies come through whole, and a link that the proxy drops is a pause', async () => {
  const { world, server, app } = await start()
  await using _ = world
  const proxy = await ConnectProxy.start(world)
  const agent = await world.agent('demo', app, { env: { ...base, TUNNEL_SERVER: server, HTTP_PROXY: proxy.url } })
  const body = Buffer.alloc(8 * 1024 * 1024, 'abcdefg')
  const headers = { host: 'demo.tunnel.test' }
  assert.equal(sha((await visit(world, 'demo', '/', { method: 'PUT', body, headers })).body), sha(body))
  for (const socket of proxy.open) socket.destroy()
  assert.equal((await visit(world, 'demo', '/', { headers })).text, 'the app')
  await agent.waitFor(/online again/, 'stderr')
  assert.equal(proxy.targets.length, 2)
})

test('credentials come from the URL of the proxy, and show nowhere', {
  skip: process.platform === 'linux' ? false : 'needs /proc',
}, async () => {
  const { world, server, app } = await start()
  await using _ = world
  const proxy = await ConnectProxy.start(world, { credentials: `me:${PASSWORD}@x` })
  const url = proxy.urlFor(`me:${PASSWORD}%40x`)
  await goesThrough(world, app, { TUNNEL_SERVER: server, HTTP_PROXY: url })
  const agent = await world.agent('demo', app, { args: ['--server', server, '--proxy', url], env: base })
  assert.ok(!readFileSync(`/proc/${agent.pid}/cmdline`, 'latin1').includes(PASSWORD))
  agent.kill('SIGKILL')
  const run = (proxyUrl: string) => world.tunnel(['8089', '--server', server, '--proxy', proxyUrl], { env: base })
  await fails(
    run(proxy.url),
    69,
    new RegExp(`the proxy at ${proxy.url} wants credentials \\(407\\): put them in its URL`),
  )
  await fails(run(proxy.urlFor(`you:${PASSWORD}`)), 69, /does not accept the user and password in its URL \(407\)/)
})

test('a proxy that refuses, that answers garbage, or that can’t be used is told as such', async () => {
  const { world, server } = await start()
  await using _ = world
  const run = async (instead: (socket: Socket) => void) => {
    const { url } = await ConnectProxy.start(world, { instead })
    return world.tunnel(['8089', '--server', server, '--proxy', url], { env: base })
  }
  await fails(
    await run((socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')),
    69,
    /the proxy at http:\/\/localhost:\d+ does not let us through to tunnel\.test:\d+ \(403\)/,
  )
  await fails(
    await run((socket) => socket.end('SSH-2.0-x\r\n')),
    69,
    /what answers at http:\/\/localhost:\d+ is not a proxy/,
  )
  const unreachable = await run((socket) => socket.end('HTTP/1.1 504 Gateway Timeout\r\n\r\n'))
  await unreachable.waitFor(/the proxy at .* cannot reach tunnel\.test:\d+ \(504\); trying again/, 'stderr')
  const wrong = ['8089', '--server', server, '--proxy']
  await fails(world.tunnel([...wrong, `socks5://me:${PASSWORD}@x.test`]), 78, /proxy: expected .* got a SOCKS proxy/)
  await fails(world.tunnel([...wrong, `http://me:${PASSWORD}@x.test/y`]), 78, /got "http:\/\/…@x\.test\/y"/)
})

test('a proxy that hangs is given up and tried again', async () => {
  const { world, server } = await start()
  await using _ = world
  const held: Socket[] = []
  const proxy = await ConnectProxy.start(world, { instead: (socket) => held.push(socket) })
  const agent = world.tunnel(['8089', '--server', server, '--proxy', proxy.url], { env: base })
  await agent.waitFor(/the proxy at http:\/\/localhost:\d+ did not answer in time; trying again/, 'stderr')
  await eventually('the first connection ends', () => held[0]!.readableEnded)
  await eventually('the next attempt', () => held.length > 1)
})

/** A server with a certificate of an authority of its own, for a name that only the proxy knows the way to. */
async function startPrivate(): Promise<{ world: World; server: string; ca: string; app: number; port: number }> {
  const world = await World.create()
  const paths = { cert: world.path('cert.pem'), key: world.path('key.pem'), ca: world.path('ca.pem') }
  writeFileSync(paths.cert, ownAuthority.cert)
  writeFileSync(paths.key, ownAuthority.key)
  writeFileSync(paths.ca, ownAuthority.ca)
  await world.startServer(0, {
    args: ['-d', 'app.internal', '--host', '127.0.0.1', '--tls-cert', paths.cert, '--tls-key', paths.key],
    env: { TUNNEL_TOKENS: 'sesame' },
  })
  const app = await world.app((_request, response) => response.end('the app'))
  return { world, server: `https://app.internal:${world.port}`, ca: paths.ca, app, port: world.port }
}

for (const scheme of ['http', 'https'] as const) {
  test(`TLS to a server of a private authority, through an ${scheme} proxy: --ca is needed, and enough`, async () => {
    const { world, server, ca, app, port } = await startPrivate()
    await using _ = world
    const tls = scheme === 'https' ? { tls: selfSigned } : {}
    const proxy = await ConnectProxy.start(world, tls)
    const bundle = world.path('bundle.pem')
    writeFileSync(bundle, `${readFileSync(ca, 'utf8')}${selfSigned.cert}\n`)
    const env = { ...base, TUNNEL_SERVER: server, HTTPS_PROXY: proxy.url }
    for (const more of [
      { TUNNEL_CA: bundle },
      { TUNNEL_CA: ca, NODE_EXTRA_CA_CERTS: bundle },
      { NODE_EXTRA_CA_CERTS: bundle },
    ]) {
      proxy.targets.length = 0
      const agent = await world.agent('demo', app, { env: { ...env, ...more } })
      for (const socket of proxy.open) socket.destroy()
      await agent.waitFor(/online again/, 'stderr')
      assert.deepEqual(proxy.targets, [`app.internal:${port}`, `app.internal:${port}`])
      agent.kill('SIGINT')
      assert.equal(await agent.exitCode(), 0, agent.output)
    }
    const untrusted = world.tunnel(['8089'], { env })
    const whose = scheme === 'https' ? `the proxy at ${proxy.url}` : server
    await untrusted.waitFor(
      new RegExp(
        `cannot reach ${whose}: its certificate comes from nobody who is trusted here; --ca takes a file of who is`,
      ),
      'stderr',
    )
  })
}

test('a server behind a proxy that drops handshakes does no harm to the process', async () => {
  await using world = await World.create()
  const port = await world.listen(https.createServer(selfSigned).on('upgrade', (_request, socket) => socket.destroy()))
  const proxy = await ConnectProxy.start(world)
  const server = `https://localhost:${port}`
  const claims = { get: () => undefined, set: () => {} }
  // In one process with the server: node:http has one store of parsers for both, so that one that is put back twice is noticed.
  for (let i = 0; i < 20; i++) {
    const options = { port: 1, server, proxy: proxy.url, ca: selfSigned.cert, claims }
    const opening = new Tunnel(options)
    const failed = once(opening, 'offline')
    opening.start()
    const [{ error }] = await within('a failure', failed)
    assert.match(error.detail, /it closed the connection/)
    await opening.close()
  }
})

test('what --ca names has to be certificates', async () => {
  const { world } = await start()
  await using _ = world
  await fails(world.tunnel(['8089', '--ca', world.path('none')]), 78, /^tunnel: ca: cannot read .*none \(ENOENT\)$/m)
  await fails(
    world.tunnel(['8089'], { env: { TUNNEL_CA: tunnelBin } }),
    78,
    /ca: .*tunnel\.js holds no certificate \(PEM/,
  )
})

test('a login goes through the proxy, too', async () => {
  await using world = await World.create()
  const account = { name: 'alice', role: 'user', names: [], limits: {} }
  const api = new ApiStandIn({ sesame: account }, { tls: ownAuthority })
  const port = await world.listen(api.server)
  const ca = world.path('ca.pem')
  writeFileSync(ca, ownAuthority.ca)
  const proxy = await ConnectProxy.start(world, { credentials: `me:${PASSWORD}` })
  const run = (args: string[], env: Record<string, string>) =>
    world.run(tunnelBin, [...args, '--ca', ca], { ...base, ...env })
  const url = `https://app.internal:${port}`
  const env = { HTTPS_PROXY: proxy.urlFor(`me:${PASSWORD}`) }
  const login = run(['login', url, '--token', 'sesame'], env)
  assert.equal(await login.exitCode(), 0, login.output)
  const whoami = run(['whoami'], env)
  assert.equal(await whoami.exitCode(), 0, whoami.output)
  assert.match(whoami.stdout, /^alice /)
  assert.equal(proxy.targets.length, 3)
  await fails(run(['whoami'], { HTTPS_PROXY: proxy.url }), 69, /wants credentials \(407\)/)
  for (const { output } of [login, whoami]) assert.ok(!output.includes(PASSWORD))
})

test('programs that use the library name proxy and certificates themselves', async () => {
  const { world, server, ca, app } = await startPrivate()
  await using _ = world
  const proxy = await ConnectProxy.start(world)
  const claims = { get: () => undefined, set: () => {} }
  const options = { port: app, server, token: 'sesame', proxy: proxy.url, claims }
  for (const given of [ca, ownAuthority.ca]) {
    const opened = await tunnel({ ...options, ca: given })
    assert.match(opened.url, /^https:\/\/[a-z0-9]+\.app\.internal:/)
    await opened.close()
  }
  await assert.rejects(tunnel({ ...options, connectTimeoutMs: 1_000 }), {
    code: 'TUN_ERR_CONNECT',
    detail: /its certificate comes from nobody who is trusted here/,
  })
  await assert.rejects(tunnel({ ...options, ca, proxy: 'socks5://x' }), { code: 'TUN_ERR_OPTION' })
})
