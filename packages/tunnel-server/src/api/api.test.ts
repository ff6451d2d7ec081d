import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { silentLogger } from 'tunnel-protocol'
import { Accounts } from '../accounts/accounts.js'
import { Entrance, type EntranceSettings } from '../accounts/entrance.js'
import { LocalAccounts } from '../accounts/local-accounts.js'
import { Directory } from '../registry/directory.js'
import { Database } from '../store/database.js'
import { createApi } from './app.js'

const ROOT = { name: 'root', via: 'command' } as const
const closed: EntranceSettings = {
  open: false,
  isLocal: false,
  tokens: ['static'],
  sessionsPerMinute: 0,
  namesPerMinute: 0,
}
type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** An API over a store of its own, with an admin `boss` and a user `alice`. */
async function world(t: TestContext, settings: Partial<EntranceSettings> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-api-'))
  const database = Database.open(folder)
  const accounts = new Accounts(database)
  const entrance = new Entrance({ ...closed, ...settings })
  const refresh = () => {
    entrance.roster = accounts.roster()
  }
  database.watch(refresh, (error) => assert.fail(error))
  accounts.add('boss', { role: 'admin' }, ROOT)
  accounts.add('alice', { names: ['alice-*'], limits: { tunnels: 5 } }, ROOT)
  const boss = accounts.createToken('boss', {}, ROOT).text
  const alice = accounts.createToken('alice', {}, ROOT).text
  const logged: unknown[] = []
  const { app } = await createApi({
    accounts: new LocalAccounts(entrance, accounts, () => 100),
    directory: new Directory(),
    domain: 'tunnel.example.com',
    software: 'tunnel-server/test',
    isTrusted: () => false,
    logger: { ...silentLogger, error: (fields: object) => logged.push(fields) },
    publicUrl: () => 'https://tunnel.example.com',
    totals: () => ({ tunnels: 0, sessions: 0, uptimeSeconds: 0 }),
    onUpgrade: () => false,
  })
  t.after(async () => {
    await app.close()
    database.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const ask = async (
    method: Method,
    url: string,
    token?: string,
    payload?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const answer = await app.inject({
      method,
      url: `/api/v1/${url}`,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(payload === undefined ? {} : { payload: payload as object }),
    })
    const body = answer.body === '' ? undefined : answer.json()
    return { status: answer.statusCode, body, headers: answer.headers }
  }
  return { accounts, entrance, boss, alice, ask, logged }
}

test('whoever has a token learns who he is', async (t) => {
  const { ask, alice, boss } = await world(t)
  const server = { server: 'tunnel-server/test', domain: 'tunnel.example.com', open: false }
  const me = await ask('GET', 'me', alice)
  assert.deepEqual(
    [me.status, me.headers['cache-control'], me.headers['content-type']],
    [200, 'no-store', 'application/json; charset=utf-8'],
  )
  assert.deepEqual(me.body, {
    account: { name: 'alice', role: 'user', names: ['alice-*'], limits: { tunnels: 5 } },
    ...server,
  })
  assert.deepEqual((await ask('GET', 'me', boss)).body.account.limits, { tunnels: 100 })
  assert.deepEqual((await ask('GET', 'me', 'static')).body, {
    account: { name: null, role: 'user', names: [], limits: { tunnels: 100 } },
    ...server,
  })
})

test('on a server that is open whoever has no token is nobody, and not on another one', async (t) => {
  const open = await world(t, { open: true })
  const guest = await open.ask('GET', 'me')
  assert.deepEqual([guest.status, guest.body.account, guest.body.open], [200, null, true])
  assert.equal((await open.ask('GET', 'accounts')).status, 401)
  assert.equal((await open.ask('GET', 'me', 'wrong')).status, 401)
  const other = await world(t)
  const refused = await other.ask('GET', 'me')
  assert.deepEqual(
    [refused.status, refused.headers['www-authenticate'], refused.body.error.code],
    [401, 'Bearer', 'TUN_ERR_UNAUTHORIZED'],
  )
})

test('a token counts in the Authorization field and nowhere else', async (t) => {
  const { ask, boss } = await world(t)
  const inQuery = await ask('GET', `me?token=${boss}`)
  assert.equal(inQuery.status, 400)
  assert.deepEqual(inQuery.body.error, {
    code: 'TUN_ERR_FIELD',
    message: 'there is no field "token": none is expected here',
    field: 'token',
  })
  for (const query of [`token=${boss}`, `access_token=${boss}`]) {
    assert.equal((await ask('GET', `accounts?${query}`)).status, 401)
    assert.equal((await ask('GET', `nothing?${query}`)).status, 404)
    assert.doesNotMatch(JSON.stringify((await ask('GET', `nothing?${query}`)).body), /tun_/)
  }
  for (const authorization of [boss, `Basic ${boss}`, 'Bearer', `Bearer ${boss} x`, `Bearer ${'x'.repeat(2_000)}`]) {
    const { status, body } = await ask('GET', 'me', undefined, undefined, { authorization })
    assert.deepEqual([status, body.error.code], [401, 'TUN_ERR_UNAUTHORIZED'], authorization.slice(0, 20))
  }
  assert.equal((await ask('GET', 'me', undefined, undefined, { authorization: `bearer  ${boss}` })).status, 200)
})

test('an admin does all that the command line does, and the audit says who it was and from where', async (t) => {
  const { ask, boss, accounts } = await world(t)
  const made = await ask('POST', 'accounts', boss, { name: 'Carol', names: ['carol-*'], limits: { tunnels: 2 } })
  assert.equal(made.status, 201)
  const carol = { name: 'carol', role: 'user', names: ['carol-*'], limits: { tunnels: 2 }, tokens: 0, ban: null }
  assert.deepEqual(made.body, { account: { ...carol, createdAt: made.body.account.createdAt } })
  assert.deepEqual(
    (await ask('GET', 'accounts', boss)).body.accounts.map(({ name }: { name: string }) => name),
    ['alice', 'boss', 'carol'],
  )
  const token = await ask('POST', 'accounts/carol/tokens', boss, { label: 'laptop', expiresInMs: 60_000 })
  assert.equal(token.status, 201)
  assert.match(token.body.secret, /^tun_/)
  assert.equal((await ask('GET', 'me', token.body.secret)).body.account.name, 'carol')
  assert.deepEqual((await ask('GET', 'accounts/carol/tokens', boss)).body.tokens, [token.body.token])
  const banned = await ask('PUT', 'accounts/carol/ban', boss, { reason: 'spam' })
  assert.deepEqual([banned.status, banned.body.account.ban.reason], [200, 'spam'])
  const refused = await ask('GET', 'me', token.body.secret)
  assert.deepEqual(
    [refused.status, refused.body.error.code, refused.body.error.message],
    [403, 'TUN_ERR_FORBIDDEN', 'your account is banned: spam'],
  )
  assert.equal((await ask('DELETE', 'accounts/carol/ban', boss)).body.account.ban, null)
  assert.equal(
    (await ask('PATCH', 'accounts/carol', boss, { limits: { tunnels: null } })).body.account.limits.tunnels,
    undefined,
  )
  assert.deepEqual((await ask('DELETE', `tokens/${token.body.token.id}`, boss)).status, 204)
  assert.equal((await ask('GET', 'me', token.body.secret)).status, 401)
  assert.equal((await ask('DELETE', 'accounts/carol', boss)).status, 204)
  assert.equal((await ask('GET', 'accounts/carol', boss)).status, 404)
  const first = (await ask('GET', 'audit?limit=4', boss)).body
  const second = (await ask('GET', `audit?limit=100&before=${first.next}`, boss)).body
  assert.deepEqual([...first.records, ...second.records], accounts.history(100))
  assert.equal(second.next, null)
  const { action, actor, via, address } = first.records[0]
  assert.deepEqual([action, actor, via, address], ['account.remove', 'boss', 'api', '127.0.0.1'])
  assert.doesNotMatch(JSON.stringify([first, second]), /tun_/)
})

test('whoever is no admin gets the same answer, whether or not what he asks for is there, or fits', async (t) => {
  const { ask, alice } = await world(t)
  const asked: Array<[Method, string, unknown?]> = [
    ['GET', 'accounts'],
    ['GET', 'accounts/boss'],
    ['GET', 'accounts/nobody'],
    ['GET', 'accounts/alice/tokens'],
    ['POST', 'accounts', { name: 'boss' }],
    ['POST', 'accounts', { nonsense: true }],
    ['PATCH', 'accounts/boss', { role: 'user' }],
    ['PATCH', 'accounts/nobody', { role: 'user' }],
    ['DELETE', 'accounts/boss'],
    ['DELETE', 'tokens/abc'],
    ['PUT', 'accounts/nobody/ban', {}],
    ['GET', 'audit'],
  ]
  for (const [token, status] of [
    [alice, 403],
    ['static', 403],
    [undefined, 401],
    ['wrong', 401],
    [`${alice.slice(0, -1)}!`, 401],
  ] as const) {
    const answers = new Set<string>()
    for (const [method, url, payload] of asked) {
      const answer = await ask(method, url, token, payload)
      assert.equal(answer.status, status, `${method} ${url} ${token}`)
      answers.add(JSON.stringify(answer.body))
    }
    assert.equal(answers.size, 1, [...answers].join('\n'))
  }
})

const wrong: Array<[Method, string, unknown, status: number, field: string | undefined, message: RegExp]> = [
  ['POST', 'accounts', {}, 400, 'name', /^name: expected the name of an account, found nothing$/],
  ['POST', 'accounts', { name: 5 }, 400, 'name', /^name: expected the name of an account, found 5$/],
  ['POST', 'accounts', { name: 'a b' }, 400, 'name', /^name: expected 1 to 64 of .*, found "a b"$/],
  ['POST', 'accounts', { name: 'x', role: 'king' }, 400, 'role', /^role: expected user or admin, found "king"$/],
  [
    'POST',
    'accounts',
    { name: 'x', names: 'x' },
    400,
    'names',
    /^names: expected a list of at most 100 patterns .* found "x"$/,
  ],
  [
    'POST',
    'accounts',
    { name: 'x', names: ['x', 1] },
    400,
    'names[1]',
    /^names\[1\]: expected a name such as .* found 1$/,
  ],
  [
    'POST',
    'accounts',
    { name: 'x', names: ['x', '*'] },
    400,
    'names[1]',
    /^names\[1\]: expected a name such as .* found "\*"$/,
  ],
  [
    'POST',
    'accounts',
    { name: 'x', limits: { tunnels: '5' } },
    400,
    'limits.tunnels',
    /^limits\.tunnels: expected a whole number .* found "5"$/,
  ],
  [
    'POST',
    'accounts',
    { name: 'x', limits: { tunels: 5 } },
    400,
    'limits.tunels',
    /^there is no field "limits\.tunels": expected tunnels$/,
  ],
  [
    'POST',
    'accounts',
    { name: 'x', admin: true },
    400,
    'admin',
    /^there is no field "admin": expected name, role, names, limits$/,
  ],
  ['POST', 'accounts', ['x'], 400, 'body', /^body: expected an object, found \["x"\]$/],
  ['POST', 'accounts', { name: 'alice' }, 409, undefined, /^there is an account "alice" already$/],
  ['PATCH', 'accounts/alice', {}, 400, 'body', /^body: expected an object with what is to change, found \{\}$/],
  ['PATCH', 'accounts/nobody', { role: 'user' }, 404, undefined, /^there is no account "nobody"$/],
  [
    'POST',
    'accounts/alice/tokens',
    { expiresInMs: -1 },
    400,
    'expiresInMs',
    /^expiresInMs: expected a number of milliseconds, found -1$/,
  ],
  [
    'POST',
    'accounts/alice/tokens',
    { label: 'a\nb' },
    400,
    'label',
    /^label: expected one line of at most 100 characters, found "a\\nb"$/,
  ],
  ['DELETE', 'tokens/abc', undefined, 404, undefined, /^there is no token with this id$/],
  ['GET', 'audit?limit=0', undefined, 400, 'limit', /^limit: expected a whole number from 1 to 1000, found "0"$/],
  ['GET', 'audit?limits=1', undefined, 400, 'limits', /^there is no field "limits": expected limit, before$/],
  ['GET', 'accounts?x=1', undefined, 400, 'x', /^there is no field "x": none is expected here$/],
]
for (const [method, url, payload, status, field, message] of wrong) {
  test(`${method} ${url} with ${JSON.stringify(payload)}: ${status}`, async (t) => {
    const { ask, boss, accounts } = await world(t)
    const before = accounts.history(100).length
    const answer = await ask(method, url, boss, payload)
    assert.equal(answer.status, status)
    assert.equal(answer.body.error.field, field)
    assert.match(answer.body.error.message, message)
    assert.equal(accounts.history(100).length, before, 'nothing was done')
  })
}

test('a body that is no JSON, too large, or of another type is refused with words', async (t) => {
  const { ask, boss } = await world(t)
  const post = (payload: string, type: string) => ask('POST', 'accounts', boss, payload, { 'content-type': type })
  const json = 'application/json'
  for (const [payload, type, status, message] of [
    ['{"name":', json, 400, 'the body is not JSON'],
    ['', json, 400, 'the body is not JSON'],
    ['{"__proto__":{"role":"admin"},"name":"x"}', json, 400, 'the body is not JSON'],
    [JSON.stringify({ name: 'x'.repeat(70_000) }), json, 413, 'the body is too large'],
    ['<name/>', 'application/xml', 400, 'expected a body of the type application/json'],
  ] as const) {
    const answer = await post(payload, type)
    assert.deepEqual([answer.status, answer.body.error.message], [status, message])
  }
})

test('a failure that is a bug of ours is logged, and its text is nobody else’s', async (t) => {
  const { ask, boss, accounts, logged } = await world(t)
  accounts.list = () => {
    throw new Error('an inner secret')
  }
  const answer = await ask('GET', 'accounts', boss)
  assert.deepEqual(
    [answer.status, answer.body.error],
    [500, { code: 'TUN_ERR_INTERNAL', message: 'unexpected failure' }],
  )
  assert.equal(logged.length, 1)
})
