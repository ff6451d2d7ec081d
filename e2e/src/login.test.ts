import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { ApiStandIn, type StandInAccount } from './support/api-stand-in.js'
import { selfSigned } from './support/certificate.js'
import type { Running } from './support/process.js'
import { skipWithout } from './support/programs.js'
import { visit } from './support/visitor.js'
import { tunnelBin, World } from './support/world.js'

const alice: StandInAccount = { name: 'alice', role: 'user', names: ['alice', 'alice-*'], limits: { tunnels: 5 } }
const admin: StandInAccount = { name: 'root', role: 'admin', names: [], limits: {} }
const TOKEN = 'tun_alice_3f9c0d-do-not-show'

interface LoginWorld {
  world: World
  api: ApiStandIn
  url: string
  /** Run `tunnel` and return it when it has ended. */
  tunnel(args: string[], env?: Record<string, string>): Promise<Running>
  /** The file that logins are kept in. */
  file: string
}

async function start(open = false): Promise<LoginWorld> {
  const world = await World.create()
  const api = new ApiStandIn({ [TOKEN]: alice, tun_admin: admin }, { open })
  return {
    world,
    api,
    url: `http://localhost:${await world.listen(api.server)}`,
    async tunnel(args, env = {}) {
      const running = world.run(tunnelBin, args, env)
      await running.exitCode()
      return running
    },
    file: world.path('config/tunnel/servers.json'),
  }
}

function kept(file: string): Array<{ name: string; url: string; token?: string; account?: string }> {
  return JSON.parse(readFileSync(file, 'utf8')).servers
}

function succeeded({ child, output }: Running): void {
  assert.equal(child.exitCode, 0, output)
}

/** It has ended with this code, saying one line that matches and no secret. */
function failed({ child, stdout, stderr, output }: Running, code: number, line: RegExp): void {
  assert.equal(child.exitCode, code, output)
  assert.equal(stdout, '')
  assert.match(stderr, /^[^\n]*\n$/)
  assert.match(stderr, line)
  assert.ok(!output.includes(TOKEN), output)
}

test('a login keeps server and token, for the user alone, and says who one is', async () => {
  const { world, url, tunnel, file } = await start()
  await using _ = world
  const login = await tunnel(['login', url, '--token', TOKEN])
  succeeded(login)
  const host = new URL(url).host
  assert.equal(login.stdout, `Logged in to ${url} as alice.\n"tunnel -p 8080" uses it.\nKept as "${host}" in ${file}\n`)
  assert.equal(login.stderr, '')
  assert.deepEqual(kept(file), [{ name: host, url, token: TOKEN, account: 'alice' }])
  if (process.platform !== 'win32') {
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(dirname(file)).mode & 0o777, 0o700)
  }
  const whoami = await tunnel(['whoami'])
  succeeded(whoami)
  assert.match(whoami.stdout, /^alice \(user\)\nNames {3}alice, alice-\*, and random ones\nLimits {2}tunnels 5\n/)
  assert.ok(whoami.stdout.includes(`${url}, kept as "${host}"; stand-in/1 for tunnel.test`), whoami.stdout)
  const json = await tunnel(['whoami', host, '--json'])
  assert.deepEqual(JSON.parse(json.stdout), {
    account: alice,
    server: 'stand-in/1',
    domain: 'tunnel.test',
    open: false,
    name: host,
    url,
  })
})

test('a token is taken from a flag, a file, the environment, stdin, or what is piped in', async () => {
  const { world, url, tunnel, file } = await start()
  await using _ = world
  writeFileSync(world.path('token'), `${TOKEN}\n`)
  const tokens = [
    ['flag', ['--token', TOKEN], {}],
    ['file', ['--token-file', world.path('token')], {}],
    ['environment', [], { TUNNEL_TOKEN: TOKEN }],
    ['flag-wins', ['--token', TOKEN], { TUNNEL_TOKEN: 'other' }],
  ] as const
  for (const [name, args, env] of tokens) succeeded(await tunnel(['login', url, '--name', name, ...args], env))
  for (const [name, args, input] of [
    ['dash', ['--token', '-'], `${TOKEN}\n`],
    ['dash-wins', ['--token=-'], `${TOKEN}\r\nwhatever\n`],
    ['piped', [], TOKEN],
  ] as const) {
    const env = name === 'dash-wins' ? { TUNNEL_TOKEN: 'other' } : {}
    const login = world.run(tunnelBin, ['login', url, '--name', name, ...args], env, [], { typed: true })
    login.child.stdin!.end(input)
    assert.equal(await login.exitCode(), 0, login.output)
  }
  const names = ['flag', 'file', 'environment', 'flag-wins', 'dash', 'dash-wins', 'piped']
  assert.deepEqual(
    kept(file).map(({ name, token }) => [name, token]),
    names.map((name) => [name, TOKEN]),
  )
  failed(await tunnel(['login', url]), 78, /token: expected one on stdin, in one line; none came/)
  const two = world.run(tunnelBin, ['login', url], {}, [], { typed: true })
  two.child.stdin!.end('two words\n')
  await two.exitCode()
  failed(two, 78, /what came has spaces/)
})

test('a token that is piped in needs no end of the pipe', async () => {
  const { world, url } = await start()
  await using _ = world
  const login = world.run(tunnelBin, ['login', url], {}, [], { typed: true })
  login.child.stdin!.write(`${TOKEN}\n`)
  assert.equal(await login.exitCode(), 0, login.output)
})

/** `tunnel` at a terminal, which `script` (util-linux) brings. */
function atTerminal(world: World, args: string[]): Running {
  const launcher = ['sh', '-c', 'exec script -q -e -c "$*" /dev/null', 'sh']
  return world.run(tunnelBin, args, { SHELL: '/bin/sh' }, launcher, { typed: true })
}

const skip = process.platform === 'linux' ? skipWithout('script', 'bsdutils') : 'needs script of util-linux'

test('on a terminal the token is asked for and not shown', { skip }, async () => {
  const { world, url, file } = await start()
  await using _ = world
  const login = atTerminal(world, ['login', url])
  await login.waitFor(/Token for http:\/\/localhost:\d+ \(not shown\): /)
  login.child.stdin!.write(`wrong\x15x\x7f${TOKEN}\r`) // takes back the line, then one character
  await login.waitFor(/Logged in to .* as alice/)
  assert.equal(await login.exitCode(), 0, login.output)
  assert.ok(!login.output.includes(TOKEN.slice(0, 6)), login.output)
  assert.equal(kept(file)[0]!.token, TOKEN)
})

test('Ctrl-C and Ctrl-D at the prompt leave nothing behind', { skip }, async () => {
  const { world, url, file } = await start()
  await using _ = world
  for (const [key, code] of [
    ['\x03', 130],
    ['\x04', 78],
  ] as const) {
    const login = atTerminal(world, ['login', url])
    await login.waitFor(/not shown/)
    login.child.stdin!.write(`tun_half${key}`)
    if (key === '\x04') login.child.stdin!.write('\x15\x04') // it ends an empty line only
    assert.equal(await login.exitCode(), code, login.output)
    assert.ok(!login.output.includes('tun_half'))
  }
  assert.ok(!existsSync(file))
})

test('a wrong token is one line and exit code 77, and nothing is kept', async () => {
  const { world, url, tunnel, file } = await start()
  await using _ = world
  failed(
    await tunnel(['login', url, '--token', 'wrong']),
    77,
    /^tunnel: http:\/\/localhost:\d+ does not accept this token$/m,
  )
  assert.ok(!existsSync(file))
})

test('an open server is kept without a token, and says that none is needed; nobody is asked for one', async () => {
  const { world, url, tunnel, file, api } = await start(true)
  await using _ = world
  const login = await tunnel(['login', url])
  succeeded(login)
  assert.match(login.stdout, /is open: no token is needed\.\n/)
  assert.deepEqual(kept(file), [{ name: new URL(url).host, url }])
  assert.match((await tunnel(['whoami'])).stdout, /^Nobody: the server is open, no token is needed\.\n/)
  succeeded(await tunnel(['login', url], { TUNNEL_TOKEN: TOKEN }))
  assert.equal(kept(file)[0]!.token, TOKEN)
  failed(await tunnel(['login', url, '--token', 'wrong']), 77, /does not accept this token/)
  assert.deepEqual(api.shown, [undefined, undefined, undefined, TOKEN, undefined, 'wrong'])
})

test('what is no tunnel-server is exit code 76, and never sees the token', async () => {
  const { world, tunnel, file } = await start()
  await using _ = world
  const seen: unknown[] = []
  const ordinary = await world.app(({ headers }, response) => {
    seen.push(headers.authorization)
    response.writeHead(404).end('hello')
  })
  const redirecting = await world.app(({ headers }, response) => {
    seen.push(headers.authorization)
    response.writeHead(301, { location: 'https://tunnel.example.com/api/v1/me' }).end()
  })
  const login = (port: number) => tunnel(['login', `http://localhost:${port}`, '--token', TOKEN])
  failed(await login(ordinary), 76, /answered 404, it is not a tunnel-server/)
  failed(await login(redirecting), 76, /leads to https:\/\/tunnel\.example\.com: if that is your server, name it/)
  failed(await login(1), 69, /cannot reach http:\/\/localhost:1: nothing is listening there/)
  assert.deepEqual(seen, [undefined, undefined])
  assert.ok(!existsSync(file))
})

test('a login without encryption to another machine is refused, saying why, unless told otherwise', async () => {
  const { world, tunnel } = await start()
  await using _ = world
  const args = ['login', 'http://tunnel.invalid', '--token', TOKEN]
  failed(
    await tunnel(args),
    78,
    /http:\/\/tunnel\.invalid is not encrypted: everybody on the way could read your token/,
  )
  failed(await tunnel([...args, '--insecure']), 69, /cannot reach http:\/\/tunnel\.invalid/)
})

test('several servers have names; the first is used, or the one of --default; logging out passes it on', async () => {
  const { world, url, tunnel } = await start()
  await using _ = world
  const login = (...args: string[]) => tunnel(['login', url, ...args])
  const names = async () => {
    const { stdout } = await tunnel(['servers', '--json'])
    return JSON.parse(stdout).map(({ name }: { name: string }) => name)
  }
  assert.match((await tunnel(['servers'])).stdout, /^None yet: tunnel login https:/)
  assert.match((await tunnel(['logout'])).stdout, /^You are not logged in to any server\.\n$/)
  succeeded(await login('--token', TOKEN, '--name', 'work'))
  const second = await login('--token', 'tun_admin', '--name', 'admin')
  assert.match(second.stdout, /as root\.\n"tunnel -p 8080 --server admin" uses it\.\n/)
  assert.deepEqual(await names(), ['work', 'admin'])
  assert.match((await tunnel(['whoami'])).stdout, /^alice /)
  assert.match((await tunnel(['whoami', 'admin'])).stdout, /^root \(admin\)\nNames {3}any that is free\nLimits {2}none/)
  assert.match(
    (await login('--token', 'tun_admin', '--name', 'admin', '--default')).stdout,
    /\n"tunnel -p 8080" uses it/,
  )
  assert.deepEqual(await names(), ['admin', 'work'])
  const list = await tunnel(['servers'])
  assert.equal(list.stdout, `* admin  ${url}  root\n  work   ${url}  alice\n`)
  failed(
    await tunnel(['logout', 'wrok']),
    78,
    /"wrok" is no URL, and no server that you have logged in to \(admin, work\)/,
  )
  failed(await tunnel(['logout', 'work', '--all']), 78, /a server or --all/)
  const logout = await tunnel(['logout'])
  assert.equal(logout.stdout, `Logged out of ${url} ("admin").\n"tunnel -p 8080" uses ${url} ("work") now.\n`)
  succeeded(await login('--token', TOKEN, '--name', 'third'))
  assert.match((await tunnel(['logout', '--all'])).stdout, /\("work"\)\.\nLogged out of .* \("third"\)\.\n$/)
  assert.deepEqual(await names(), [])
})

test('a name that another server has is not taken from it', async () => {
  const { world, url, tunnel, file } = await start()
  await using _ = world
  const other = new ApiStandIn({ [TOKEN]: alice })
  const otherUrl = `http://localhost:${await world.listen(other.server)}`
  succeeded(await tunnel(['login', url, '--token', TOKEN, '--name', 'work']))
  const taken = await tunnel(['login', otherUrl, '--token', TOKEN, '--name', 'work'])
  failed(taken, 78, new RegExp(`"work" is ${url} already; choose another one with --name`))
  assert.deepEqual(other.shown, [])
  assert.deepEqual(
    kept(file).map(({ url }) => url),
    [url],
  )
})

test('nor is one that another server got while the login went on', async () => {
  const { world, url, tunnel, file } = await start()
  await using _ = world
  const slow = await world.app(async (_request, response) => {
    succeeded(await tunnel(['login', url, '--token', TOKEN, '--name', 'work']))
    response.end(JSON.stringify({ account: null, server: 'slow/1', domain: 'x', open: true }))
  })
  failed(await tunnel(['login', `http://localhost:${slow}`, '--name', 'work']), 78, /"work" is http:.* already/)
  assert.deepEqual(
    kept(file).map(({ url }) => url),
    [url],
  )
})

test('logins at the same time are all kept', async () => {
  const { world, url, tunnel, file } = await start()
  await using _ = world
  const names = Array.from({ length: 8 }, (_, i) => `server-${i}`)
  for (const login of await Promise.all(
    names.map((name) => tunnel(['login', url, '--token', TOKEN, '--name', name])),
  )) {
    succeeded(login)
  }
  assert.deepEqual(
    kept(file)
      .map(({ name }) => name)
      .sort(),
    names,
  )
})

test('a file that others can read, or that is damaged, is refused by every command, and stays as it is', {
  skip: process.platform === 'win32' ? 'Windows has no modes' : false,
}, async () => {
  const { world, url, tunnel, file } = await start()
  await using _ = world
  succeeded(await tunnel(['login', url, '--token', TOKEN]))
  const content = readFileSync(file, 'utf8')
  const commands = [
    ['login', url, '--token', 'tun_admin'],
    ['whoami'],
    ['logout'],
    ['logout', '--all'],
    ['servers'],
    ['8080'],
  ]
  for (const [mode, text, line] of [
    [0o644, content, /others may read it \(mode 0644\): chmod 600 '/],
    [0o600, content.slice(0, 100), /cannot be used: it is not JSON\. Repair it, or remove it and log in again/],
  ] as const) {
    writeFileSync(file, text)
    chmodSync(file, mode)
    for (const args of commands) failed(await tunnel(args), 78, line)
    assert.equal(readFileSync(file, 'utf8'), text)
  }
})

test('flags in front of the command, too many words, and unknown flags are told', async () => {
  const { world, tunnel } = await start()
  await using _ = world
  failed(
    await tunnel(['--token', TOKEN, 'login', 'https://x.invalid']),
    78,
    /flags go behind the command: tunnel login --/,
  )
  for (const args of [
    ['login', 'a.test', 'b.test'],
    ['whoami', '--wrong'],
  ]) {
    const running = await tunnel(args)
    assert.equal(running.child.exitCode, 64, running.output)
  }
  failed(await tunnel(['login']), 78, /which server\? tunnel login https:/)
})

for (const [command, flags] of [
  ['login', ['--token', '--token-file', '--name', '--default', '--insecure', '--proxy', '--ca']],
  ['whoami', ['--token', '--json', '--proxy', '--ca']],
  ['logout', ['--all']],
  ['servers', ['--json']],
] as const) {
  test(`tunnel ${command} --help tells its flags, on stdout`, async () => {
    const { world, tunnel } = await start()
    await using _ = world
    const help = await tunnel([command, '--help'])
    succeeded(help)
    assert.equal(help.stderr, '')
    for (const flag of flags) assert.match(help.stdout, new RegExp(`^ +${flag}\\b`, 'm'))
    assert.match((await tunnel(['--help'])).stdout, new RegExp(`^ +${command} `, 'm'))
  })
}

// Sharing

/** A server with a token, known under a name without the help of `tunnel login`. */
async function sharing(): Promise<{ world: World; port: number; keep: (servers: object[]) => void }> {
  const world = await World.start({ env: { TUNNEL_TOKENS: TOKEN } })
  const port = await world.app((_request, response) => response.end('the app'))
  const file = world.path('config/tunnel/servers.json')
  return {
    world,
    port,
    keep(servers) {
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
      writeFileSync(file, JSON.stringify({ version: 1, servers }), { mode: 0o600 })
    },
  }
}

test('a tunnel opens on the server one is logged in to, by default, by name and by URL', async () => {
  const { world, port, keep } = await sharing()
  await using _ = world
  const elsewhere = { name: 'elsewhere', url: 'http://localhost:1', token: 'other' }
  const work = { name: 'work', url: world.url, token: TOKEN }
  const rows: Array<[object[], string[], Record<string, string>]> = [
    [[work, elsewhere], [], {}],
    [[elsewhere, work], ['--server', 'work'], {}],
    [[elsewhere, work], [], { TUNNEL_SERVER: 'work' }],
    [[elsewhere, work], ['--server', world.url], {}],
    [[elsewhere, work], [], { TUNNEL_SERVER: `${world.url}/` }],
    [[elsewhere, work], ['--server', world.url], { TUNNEL_SERVER: 'elsewhere' }],
    [[{ ...work, token: 'old' }], [], { TUNNEL_TOKEN: TOKEN }],
  ]
  for (const [servers, args, env] of rows) {
    keep(servers)
    const debug = ['--log-level', 'debug']
    const agent = await world.agent('demo', port, { args: [...args, ...debug], env: { TUNNEL_SERVER: '', ...env } })
    assert.equal((await visit(world, 'demo', '/')).text, 'the app')
    agent.kill('SIGINT')
    assert.equal(await agent.exitCode(), 0, agent.output)
    assert.ok(!agent.output.includes(TOKEN), agent.output)
  }
})

test('a kept token goes to its own origin and no other', async () => {
  const { world, keep } = await sharing()
  await using _ = world
  const same = { name: 'work', url: `https://localhost:${world.port}`, token: TOKEN }
  const otherPort = { name: 'port', url: 'http://localhost:1', token: TOKEN }
  const otherHost = { name: 'host', url: `http://127.0.0.1:${world.port}`, token: TOKEN }
  keep([same, otherPort, otherHost])
  failed(await ended(world.tunnel(['8089', '--server', world.url])), 77, /wants a token/)
})

test('a kept token that the server does not know any more is told with what to do', async () => {
  const { world, keep } = await sharing()
  await using _ = world
  keep([{ name: 'work', url: world.url, token: 'old' }])
  failed(await ended(world.tunnel(['8089'])), 77, /^tunnel: .*; tunnel login work takes a new one$/m)
})

test('an unknown name is told with those that there are', async () => {
  const { world, keep } = await sharing()
  await using _ = world
  keep([{ name: 'work', url: world.url, token: TOKEN }])
  failed(await ended(world.tunnel(['8089', '--server', 'wrok'])), 78, /"wrok" is no URL, and no server .* \(work\)/)
})

test('what a kept file says is not needed where URL and token are given', async () => {
  const { world, port } = await sharing()
  await using _ = world
  const file = world.path('config/tunnel/servers.json')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, 'damaged')
  await world.agent('demo', port, { env: { TUNNEL_TOKEN: TOKEN } })
  assert.equal((await visit(world, 'demo', '/')).text, 'the app')
})

async function ended(running: Running): Promise<Running> {
  await running.exitCode()
  return running
}

test('a token shows neither in the list of processes nor in what is printed while a login goes on', {
  skip: process.platform === 'linux' ? false : 'needs /proc',
}, async () => {
  const { world } = await start()
  await using _ = world
  let onAsked = () => {}
  const asked = new Promise<void>((resolve) => {
    onAsked = resolve
  })
  // It never answers, so that there is time to look.
  const port = await world.app(() => onAsked())
  const url = `http://localhost:${port}`
  const login = world.run(tunnelBin, ['login', url, '--token', TOKEN])
  await asked
  const shown = readFileSync(`/proc/${login.pid}/cmdline`, 'latin1')
  assert.ok(!shown.includes(TOKEN), shown)
  login.kill('SIGINT')
  await login.exitCode()
  assert.ok(!login.output.includes(TOKEN), login.output)
})

test('a login over TLS wants a certificate that is trusted, and says what to do', async () => {
  await using world = await World.create()
  const api = new ApiStandIn({ [TOKEN]: alice }, { tls: selfSigned })
  const port = await world.listen(api.server)
  const ca = world.path('ca.pem')
  writeFileSync(ca, selfSigned.cert)
  const login = async (...args: string[]) => {
    const running = world.run(tunnelBin, ['login', ...args, '--token', TOKEN])
    return ended(running)
  }
  const url = `https://localhost:${port}`
  failed(await login(url), 69, /its certificate comes from nobody who is trusted here; --ca takes a file of who is/)
  failed(await login(`https://127.0.0.1:${port}`, '--ca', ca), 69, /its certificate is for another host/)
  failed(await login(url, '--ca', tunnelBin), 78, /^tunnel: ca: .*tunnel\.js holds no certificate/)
  assert.deepEqual(api.shown, [])
  succeeded(await login(url, '--ca', ca))
})
