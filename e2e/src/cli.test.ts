import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import https from 'node:https'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { selfSigned } from './support/certificate.js'
import { eventually, type Running } from './support/process.js'
import { visit } from './support/visitor.js'
import { root, serverBin, tunnelBin, World } from './support/world.js'

/** The option tables are no part of the packages' public surface: read from where the commands read them. */
async function optionTable(
  file: string,
  name: string,
): Promise<Array<{ flag?: string; short?: string; env?: string }>> {
  const module = (await import(pathToFileURL(join(root, file)).href)) as Record<string, object>
  return Object.values(module[name]!)
}

/** Opens the tunnel that `args` describe and returns what a visitor gets there. */
async function visitThrough(world: World, args: string[], env: Record<string, string> = {}): Promise<string> {
  const agent = world.tunnel([...args, '-s', 'demo'], { env })
  await agent.waitFor(/^http\S+\n/, 'stdout')
  const { status, text } = await visit(world, 'demo', '/')
  assert.equal(status, 200, `${text}\n${agent.output}`)
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0, agent.output)
  return text
}

function logLines(text: string): Array<Record<string, unknown>> {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

for (const [command, bin, file, table, short] of [
  ['tunnel', tunnelBin, 'packages/tunnel-client/dist/options.js', 'clientOptions', ['p', 's', 'l', 'o']],
  ['tunnel-server', serverBin, 'packages/tunnel-server/dist/options.js', 'serverOptions', ['p', 'd']],
] as const) {
  test(`${command} --help names every flag with its environment variable, on stdout`, async () => {
    await using world = await World.start()
    const help = world.run(bin, ['--help'])
    assert.equal(await help.exitCode(), 0, help.output)
    assert.equal(help.stderr, '')
    const rows = await optionTable(file, table)
    assert.ok(rows.length > 10)
    for (const { flag, env } of rows) {
      if (flag !== undefined) assert.match(help.stdout, new RegExp(`--${flag}\\b`))
      if (env !== undefined) assert.match(help.stdout, new RegExp(`\\b${env}\\b`))
    }
    for (const letter of short) assert.match(help.stdout, new RegExp(`^ *-${letter}, --`, 'm'))
  })

  test(`${command} --version prints name and version`, async () => {
    await using world = await World.start()
    const version = world.run(bin, ['--version'])
    assert.equal(await version.exitCode(), 0, version.output)
    assert.match(version.stdout, /^tunnel-(server|client)\/\d+\.\d+\.\d+\S*\n$/)
  })
}

test('the local app can be given in every way that people are used to', async () => {
  await using world = await World.start()
  const port = await world.app((_request, response) => response.end('the app'))
  for (const args of [
    [`${port}`],
    ['http', `${port}`],
    [`http://localhost:${port}`],
    [`localhost:${port}`],
    ['http', `127.0.0.1:${port}`],
    ['-p', `${port}`],
    ['--port', `${port}`],
    [`--port=${port}`],
    [`-p${port}`],
    ['-p', `${port}`, '-l', '127.0.0.1'],
    ['-p', `${port}`, '--local-host', '127.0.0.1'],
  ]) {
    assert.equal(await visitThrough(world, args), 'the app', args.join(' '))
  }
})

test('-l reaches an app that listens on another address only', async () => {
  await using world = await World.start()
  const { createServer } = await import('node:http')
  const port = await world.listen(
    createServer((_request, response) => response.end('the other address')),
    '127.0.0.2',
  )
  assert.equal(await visitThrough(world, ['-p', `${port}`, '-l', '127.0.0.2']), 'the other address')
})

test('an app with a self-signed certificate is reached with --local-https and with an https target', async () => {
  await using world = await World.start()
  const port = await world.listen(https.createServer(selfSigned, (_request, response) => response.end('over TLS')))
  for (const args of [['-p', `${port}`, '--local-https'], [`https://localhost:${port}`], ['https', `${port}`]]) {
    assert.equal(await visitThrough(world, args), 'over TLS', args.join(' '))
  }
})

test('--host-header decides which Host the app sees', async () => {
  await using world = await World.start()
  const port = await world.app((request, response) => response.end(request.headers.host))
  const rows = [
    [[], `demo.localhost:${world.port}`],
    [['--host-header', 'rewrite'], `localhost:${port}`],
    [['--host-header', 'app.internal:81'], 'app.internal:81'],
  ] as const
  for (const [flags, host] of rows) assert.equal(await visitThrough(world, [`${port}`, ...flags]), host)
})

test('a flag wins over the environment, and server and token are taken from there', async () => {
  await using world = await World.start({ env: { TUNNEL_TOKENS: 'open-sesame' } })
  const port = await world.app((_request, response) => response.end('let in'))
  const token = { TUNNEL_TOKEN: 'open-sesame' }
  assert.equal(await visitThrough(world, [`${port}`], token), 'let in')
  const elsewhere = { ...token, TUNNEL_SERVER: 'http://127.0.0.1:1' }
  assert.equal(await visitThrough(world, [`${port}`, '--server', world.url], elsewhere), 'let in')
  assert.equal(await visitThrough(world, [`${port}`, '--token', 'open-sesame'], { TUNNEL_TOKEN: 'other' }), 'let in')
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-e2e-'))
  world.onLeave(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'token'), 'open-sesame\n')
  assert.equal(await visitThrough(world, [`${port}`, '--token-file', join(folder, 'token')]), 'let in')
})

test('stdout holds the URL and nothing else, whatever happens meanwhile', async () => {
  await using world = await World.start()
  const port = await world.app((_request, response) => response.end('ok'))
  const agent = await world.agent('demo', port, { args: ['--print-requests', '--log-level', 'debug'] })
  for (let i = 0; i < 3; i++) await visit(world, 'demo', `/${i}`)
  world.server.kill('SIGKILL')
  await world.server.exited
  await world.startServer()
  await agent.waitFor(/online again/, 'stderr')
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0)
  assert.equal(agent.stdout, `http://demo.localhost:${world.port}\n`)
  for (const line of logLines(agent.stderr)) assert.equal(typeof line.msg, 'string')
})

test('without a name the server makes one up that is long, DNS-safe and new every time', async () => {
  await using world = await World.start()
  const port = await world.app((_request, response) => response.end('found'))
  const names = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const agent = world.tunnel([`${port}`])
    const [url] = await agent.waitFor(/^\S+(?=\n)/, 'stdout')
    const name = /^http:\/\/([a-z0-9]{12,63})\.localhost:\d+$/.exec(url)?.[1]
    assert.ok(name !== undefined, url)
    assert.equal((await visit(world, name, '/')).text, 'found')
    names.add(name)
  }
  assert.equal(names.size, 3)
})

test('--json prints URL, name and target in one line', async () => {
  await using world = await World.start()
  const agent = world.tunnel(['8089', '-s', 'demo', '--json'])
  await agent.waitFor(/\n/, 'stdout')
  assert.deepEqual(JSON.parse(agent.stdout), {
    url: `http://demo.localhost:${world.port}`,
    name: 'demo',
    target: 'http://localhost:8089',
  })
})

test('-o opens the public URL in a browser', {
  skip: process.platform === 'linux' ? false : 'uses xdg-open',
}, async () => {
  await using world = await World.start()
  const folder = await mkdtemp(join(tmpdir(), 'tunnel-e2e-'))
  world.onLeave(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'bin'))
  const opened = join(folder, 'opened')
  await writeFile(join(folder, 'bin/xdg-open'), `#!/bin/sh\necho "$@" > '${opened}'\n`, { mode: 0o755 })
  await world.agent('demo', 8089, {
    args: ['-o'],
    env: { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}` },
  })
  const url = await eventually('the browser is started', () =>
    readFile(opened, 'utf8')
      .catch(() => undefined)
      .then((text) => text || undefined),
  )
  assert.equal(url, `http://demo.localhost:${world.port}\n`)
})

test('server and agent log a request under the same id', async () => {
  await using world = await World.start({ args: ['--access-log'] })
  const port = await world.app((request, response) => {
    response.statusCode = request.url === '/missing?token=secret' ? 404 : 200
    response.end()
  })
  const agent = await world.agent('demo', port, { args: ['--print-requests'] })
  await visit(world, 'demo', '/first', { method: 'POST', body: 'x' })
  await visit(world, 'demo', '/missing?token=secret')
  const logged = async (running: Running, from: 'stdout' | 'stderr') =>
    eventually('both requests are logged', () => {
      const text = running[from]
      const lines = logLines(text.slice(0, text.lastIndexOf('\n') + 1)).filter((line) => 'request' in line)
      return lines.length >= 2 && lines
    })
  const atServer = await logged(world.server, 'stdout')
  const atAgent = await logged(agent, 'stderr')
  assert.deepEqual(
    atServer.map(({ request, status }) => [request, status]),
    atAgent.map(({ request, status }) => [request, status]),
  )
  assert.equal(new Set(atServer.map(({ request }) => request)).size, 2)
  assert.deepEqual(
    atServer.map(({ status }) => status),
    [200, 404],
  )
  assert.ok(!world.server.stdout.includes('token=secret'), 'the query is nobody’s business')
})
