import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { askApi, beside, idOf, newAccount, newToken, told, withToken } from './support/accounts.js'
import { eventually, type Running } from './support/process.js'
import { visit } from './support/visitor.js'
import { serverBin, World } from './support/world.js'

const DOMAIN = 'tunnel.test'
const onDomain = ['--domain', DOMAIN, '--host', '127.0.0.1']
const hello = (world: World) => world.app((_, response) => void response.end('hello'))

async function statusOf(world: World, name: string): Promise<number> {
  return (await visit(world, name, '/', { headers: { host: `${name}.${DOMAIN}` } })).status
}

/** The agent has ended because it may not be there. */
async function isSentAway(agent: Running, words: RegExp): Promise<void> {
  assert.equal(await agent.exitCode(), 77, agent.output)
  assert.match(agent.stderr, words)
}

/** An agent that is not let in. */
function isRefused(world: World, args: string[], token: string | undefined, words: RegExp): Promise<void> {
  return isSentAway(world.tunnel(args, token === undefined ? {} : withToken(token)), words)
}

/** Processes whose command line shows `text`. */
function processesThatShow(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      } catch {
        return '' // it has ended meanwhile
      }
    })
    .filter((line) => line.includes(text))
}

for (const workers of [1, 2]) {
  const args = [...onDomain, '--workers', String(workers), '--log-level', 'debug', '--park', '0']

  test(`a newcomer's way, ${workers} worker(s): the server says how, what the commands change counts at once, and nothing shows the token`, async () => {
    await using world = await World.create()
    await world.startServer(0, { args })
    const app = await hello(world)
    await world.server.waitFor(/nobody can open a tunnel yet; .*tunnel-server account add me .*token create me/)
    await isRefused(
      world,
      [`${app}`, '-s', 'demo'],
      undefined,
      /wants a token: set TUNNEL_TOKEN .* "tunnel-server token create"/,
    )
    const token = await newAccount(world, 'me')
    const [first, second] = [
      await world.agent('demo', app, withToken(token)),
      await world.agent('other', app, withToken(await newToken(world, 'me'))),
    ]
    assert.deepEqual([await statusOf(world, 'demo'), await statusOf(world, 'other')], [200, 200])
    assert.equal((await askApi(world, 'GET', 'me', token)).body.account.name, 'me')
    assert.deepEqual(processesThatShow(token), [])

    await told(world, 'token', 'revoke', idOf(token))
    await isSentAway(first, /no longer knows the token/)
    await eventually('the name is nobody’s', async () => (await statusOf(world, 'demo')) !== 200)
    await isRefused(world, [`${app}`], token, /does not know the token, or it is not valid any more/)
    assert.ok(second.running)

    await told(world, 'ban', 'me', '--reason', 'spam')
    await isSentAway(second, /your account is banned: spam/)
    const third = await newToken(world, 'me')
    await isRefused(world, [`${app}`], third, /your account is banned: spam/)
    assert.equal((await askApi(world, 'GET', 'me', third)).status, 403)
    await told(world, 'unban', 'me')
    const again = await world.agent('third', app, withToken(third))
    await told(world, 'account', 'remove', 'me')
    await isSentAway(again, /no longer knows the token/)

    for (const secret of [token, third]) assert.ok(!world.server.output.includes(secret.split('_')[2]!))
    assert.doesNotMatch(world.server.output, /tun_/)
  })

  test(`an admin manages accounts over the API, ${workers} worker(s)`, async () => {
    await using world = await World.create()
    await world.startServer(0, { args })
    const app = await hello(world)
    const boss = await newAccount(world, 'boss', '--role', 'admin')
    // Each worker answers some of these.
    for (let i = 0; i < 4; i++) {
      const name = `user${i}`
      const made = await askApi(world, 'POST', 'accounts', boss, { name, names: [`${name}-*`] })
      assert.deepEqual([made.status, made.body.account.name], [201, name])
    }
    const { body } = await askApi(world, 'POST', 'accounts/user0/tokens', boss, { label: 'laptop' })
    const agent = await world.agent('user0-web', app, withToken(body.secret))
    assert.equal(await statusOf(world, 'user0-web'), 200)
    assert.equal((await askApi(world, 'GET', 'accounts', body.secret)).status, 403)
    const wrong = await askApi(world, 'PATCH', 'accounts/user0', boss, { limits: { tunnels: -1 } })
    assert.deepEqual([wrong.status, wrong.body.error.field], [400, 'limits.tunnels'])
    assert.equal((await askApi(world, 'DELETE', `tokens/${body.token.id}`, boss)).status, 204)
    await isSentAway(agent, /no longer knows the token/)
    const short = (await askApi(world, 'POST', 'accounts/user0/tokens', boss, { expiresInMs: 10_000 })).body.secret
    await isSentAway(await world.agent('user0-api', app, withToken(short)), /the token has expired/)
    const [record] = JSON.parse(await told(world, 'audit', '--json', '--limit', '1'))
    assert.deepEqual(
      [record.actor, record.via, record.address, record.action],
      ['boss', 'api', '127.0.0.1', 'token.create'],
    )
    assert.doesNotMatch(world.server.output, /tun_/)
  })
}

test('an account has the names of its patterns and made-up ones, others have not, and a restart changes nothing about that', async () => {
  await using world = await World.create()
  await world.startServer(0, { args: onDomain })
  const app = await hello(world)
  const alice = await newAccount(world, 'alice', '--names', 'alice,alice-*')
  const bob = await newAccount(world, 'bob')
  for (const name of ['alice', 'alice-web']) await world.agent(name, app, withToken(alice))
  await world.agent('bobs', app, withToken(bob))
  const random = world.tunnel([`${app}`], withToken(alice))
  const [, made] = await random.waitFor(/^https?:\/\/(\w{13})\./, 'stdout')
  await isRefused(
    world,
    [`${app}`, '-s', 'other'],
    alice,
    /may not have the name "other": it may have alice, alice-\*, and names that/,
  )
  await isRefused(world, [`${app}`, '-s', 'alice-api'], bob, /may not have the name "alice-api": choose another one$/m)
  world.server.kill('SIGKILL')
  await world.server.exited
  await world.startServer()
  await random.waitFor(/online again/)
  assert.equal(await statusOf(world, made!), 200)
  await told(world, 'account', 'set', 'alice', '--names', '')
  await world.agent('other', app, withToken(alice))
})

test('an account has as many tunnels as it may, whatever the settings say of others', async () => {
  await using world = await World.create()
  await world.startServer(0, { args: [...onDomain, '--max-tunnels-per-account', '1'] })
  const app = await hello(world)
  const [alice, bob] = [await newAccount(world, 'alice', '--tunnels', '2'), await newAccount(world, 'bob')]
  for (const name of ['one', 'two']) await world.agent(name, app, withToken(alice))
  await world.agent('three', app, withToken(bob))
  for (const token of [alice, bob]) {
    const refused = world.tunnel([`${app}`], withToken(token))
    assert.equal(await refused.exitCode(), 75)
    assert.match(refused.stderr, /holds as many tunnels as it may here/)
  }
  await told(world, 'account', 'set', 'bob', '--tunnels', '2')
  await world.agent('four', app, withToken(bob))
})

test('tokens of the settings and accounts live side by side; what SIGHUP takes away is gone, and opens nothing', async () => {
  await using world = await World.create()
  const config = world.path('tunnel.yaml')
  writeFileSync(config, 'tokens: [static]\n')
  await world.startServer(0, { args: [...onDomain, '--config', config] })
  const app = await hello(world)
  const alice = await world.agent('alice', app, withToken(await newAccount(world, 'alice')))
  const other = await world.agent('other', app, withToken('static'))
  writeFileSync(config, '\n')
  world.server.kill('SIGHUP')
  await isSentAway(other, /no longer knows the token/)
  await isRefused(world, [`${app}`], 'static', /does not know the token/)
  assert.ok(alice.running)
})

test('on localhost everyone comes in until there is an account: from then on guests have to go', async () => {
  await using world = await World.start()
  const app = await hello(world)
  const guest = await world.agent('demo', app)
  assert.deepEqual((await askApi(world, 'GET', 'me')).body.account, null)
  const token = await newAccount(world, 'me')
  await isSentAway(guest, /wants a token from now on/)
  await isRefused(world, [`${app}`], undefined, /wants a token/)
  await world.agent('mine', app, withToken(token))
  await told(world, 'account', 'remove', 'me')
  await isRefused(world, [`${app}`], undefined, /wants a token/)
  assert.equal((await askApi(world, 'GET', 'me')).status, 401)
})

test('with --open everyone comes in, but begins no more sessions and names a minute than said', async () => {
  await using world = await World.create()
  const limits = ['--sessions-per-minute', '2', '--names-per-minute', '1']
  await world.startServer(0, { args: [...onDomain, '--open', ...limits] })
  await world.server.waitFor(/everyone who reaches this server can open tunnels \(--open\)/)
  const app = await hello(world)
  await world.agent('one', app, withToken('of another server'))
  for (const words of [
    /more new names from your address .* try again in \d+ s/,
    /more new sessions from your address/,
  ]) {
    const refused = world.tunnel([`${app}`, '-s', 'two'])
    assert.equal(await refused.exitCode(), 75, refused.output)
    assert.match(refused.stderr, words)
  }
  const token = await newAccount(world, 'me')
  for (let i = 0; i < 3; i++) await world.agent(`mine-${i}`, app, withToken(token))
  assert.deepEqual((await askApi(world, 'GET', 'me')).body, {
    ...{ account: null, domain: DOMAIN, open: true },
    server: (await askApi(world, 'GET', 'me', token)).body.server,
  })
})

const usage: Array<[args: string[], code: number, words: RegExp]> = [
  [['account', 'show', 'nobody'], 67, /^tunnel-server: there is no account "nobody"\n$/],
  [['ban', 'nobody'], 67, /there is no account "nobody"/],
  [['token', 'create', 'nobody'], 67, /there is no account "nobody"/],
  [['token', 'revoke', 'abc'], 67, /there is no token with this id/],
  [['account', 'add', 'alice'], 73, /there is an account "alice" already/],
  [['account', 'add', 'a b'], 78, /name: expected 1 to 64 of a-z.*, found "a b"/],
  [['account', 'add', 'x', '--names', 'x,*'], 78, /names\[1\]: expected a name such as alice/],
  [['account', 'add', 'x', '--tunnels', 'many'], 78, /--tunnels: expected a whole number from 0 to 65536, got "many"/],
  [['account', 'add', 'x', '--role', 'king'], 78, /--role: expected one of user, admin, got "king"/],
  [['account', 'set', 'alice'], 78, /nothing to change: give --names, --tunnels or --role/],
  [
    ['token', 'create', 'alice', '--expires', 'soon'],
    78,
    /--expires: expected a duration such as 30m, 12h, 30d, 8w or 1y, got "soon"/,
  ],
  [['account', 'add'], 64, /missing required argument 'name'/],
  [['account', 'add', 'x', 'y'], 64, /too many arguments/],
  [['account', 'ad', 'x'], 64, /unknown command 'ad'/],
  [['account', 'list', '--port', '1'], 64, /unknown option '--port'/],
  [['nonsense'], 64, /nonsense|too many arguments/],
]

test('commands that can not do what they are asked for say why, in a line, with an exit code of its kind', async () => {
  await using world = await World.start()
  await told(world, 'account', 'add', 'alice')
  for (const [args, code, words] of usage) {
    const command = beside(world, ...args)
    assert.equal(await command.exitCode(), code, `${args.join(' ')}\n${command.output}`)
    assert.match(command.stderr, words, args.join(' '))
    assert.equal(command.stdout, '')
  }
})

test('each command has its own help, and list and show print for people or as JSON', async () => {
  await using world = await World.start()
  for (const args of [
    'account',
    'account add',
    'account list',
    'account show',
    'account set',
    'account remove',
    'token',
    'token create',
    'token list',
    'token revoke',
    'ban',
    'unban',
    'audit',
    'backup',
  ]) {
    const help = await told(world, ...args.split(' '), '--help')
    assert.match(help, new RegExp(`^Usage: tunnel-server ${args} `), args)
    if (!['account', 'token'].includes(args)) assert.match(help, /--data-dir <path> .*TUNNEL_DATA_DIR/s)
  }
  const token = await newAccount(world, 'alice', '--names', 'alice', '--tunnels', '3')
  const id = idOf(token)
  assert.match(await told(world, 'account', 'list'), /^ACCOUNT .*\nalice +user +alice +3 +1 +\d{4}-.* UTC\n$/)
  assert.match(await told(world, 'account', 'show', 'alice'), new RegExp(`\n${id} +alice +.* UTC +never\n$`))
  assert.match(await told(world, 'token', 'list'), new RegExp(`\n${id} +alice `))
  assert.match(await told(world, 'audit'), /\n.* token\.create +alice +\S+ \(command\) .*\n.* account\.add +alice /)
  const [shown] = JSON.parse(await told(world, 'account', 'list', '--json'))
  assert.deepEqual([shown.name, shown.names, shown.limits, shown.tokens], ['alice', ['alice'], { tunnels: 3 }, 1])
  const { tokens } = JSON.parse(await told(world, 'account', 'show', 'alice', '--json'))
  assert.deepEqual(tokens, JSON.parse(await told(world, 'token', 'list', 'alice', '--json')))
  for (const text of [JSON.stringify(tokens), await told(world, 'audit', '--json')]) assert.ok(!text.includes(token))
})

test('commands find the data folder as the server does, and make none', async () => {
  await using world = await World.start()
  const run = (args: string[], env: Record<string, string> = {}) => world.run(serverBin, args, env)
  const config = world.path('tunnel.yaml')
  writeFileSync(config, `data-dir: ${world.dataDir}\n`)
  for (const [args, env] of [
    [['account', 'list', '--data-dir', world.dataDir], {}],
    [['--data-dir', world.dataDir, 'account', 'list'], {}],
    [['account', 'list', '--config', config], {}],
    [['account', 'list'], { TUNNEL_CONFIG: config }],
    [['account', 'list'], { TUNNEL_DATA_DIR: world.dataDir }],
    [['account', 'list'], { STATE_DIRECTORY: world.dataDir }],
  ] as const) {
    const command = run([...args], { ...env })
    assert.equal(await command.exitCode(), 0, command.output)
  }
  mkdirSync(world.path('empty'))
  for (const [folder, words] of [
    [
      'missing',
      /there is no folder \S+missing: say with --data-dir, TUNNEL_DATA_DIR or --config which one the server has/,
    ],
    ['empty', /no server has kept accounts in \S+empty: say with --data-dir/],
  ] as const) {
    const command = run(['account', 'add', 'x', '--data-dir', world.path(folder)])
    assert.equal(await command.exitCode(), 78)
    assert.match(command.stderr, words)
    assert.equal(command.stderr.split('\n').length, 2)
  }
  assert.ok(!existsSync(world.path('missing')))
})
