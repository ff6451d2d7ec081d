import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Database } from '../store/database.js'
import type { Actor } from './account.js'
import { Accounts, type AccountsOptions } from './accounts.js'

const root: Actor = { name: 'root', via: 'command' }
const admin: Actor = { name: 'boss', via: 'api', address: '192.0.2.1' }
const NOW = 1_800_000_000_000
const DAY_MS = 24 * 3_600_000

function world(t: TestContext, options: AccountsOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-accounts-'))
  const database = Database.open(folder)
  t.after(() => {
    database.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, database, accounts: new Accounts(database, { now: () => NOW, ...options }) }
}

test('an account is what was said of it, and what is not said has a default or stays', (t) => {
  const { accounts } = world(t)
  const plain = { role: 'user', names: [], limits: {}, tokens: 0, createdAt: NOW, ban: null }
  assert.deepEqual(accounts.add('Bob', {}, root), { ...plain, name: 'bob' })
  const alice = { ...plain, name: 'alice', role: 'admin', names: ['alice', 'alice-*'], limits: { tunnels: 5 } }
  const fields = { role: 'admin', names: ['alice', 'Alice-*'], limits: { tunnels: 5 } } as const
  assert.deepEqual(accounts.add('alice', { ...fields, names: [...fields.names] }, root), alice)
  assert.deepEqual(
    accounts.list().map(({ name }) => name),
    ['alice', 'bob'],
  )
  assert.deepEqual(accounts.show('ALICE'), alice)
  assert.deepEqual(accounts.set('alice', { role: 'user' }, root), { ...alice, role: 'user' })
  assert.deepEqual(accounts.set('alice', { names: [] }, root), { ...alice, role: 'user', names: [] })
  assert.deepEqual(accounts.set('alice', { limits: { tunnels: null } }, root).limits, {})
  assert.deepEqual(accounts.set('alice', { limits: { tunnels: 0 } }, root).limits, { tunnels: 0 })
  accounts.remove('alice', root)
  assert.throws(() => accounts.show('alice'), { code: 'TUN_ERR_NO_ACCOUNT', message: /there is no account "alice"/ })
})

test('a name is used once, whatever its case; what can not be is refused with the field and changes nothing', (t) => {
  const { accounts } = world(t)
  accounts.add('alice', {}, root)
  assert.throws(() => accounts.add('Alice', {}, root), {
    code: 'TUN_ERR_ACCOUNT_EXISTS',
    message: /there is an account "alice" already/,
  })
  for (const name of ['', '-a', 'a-', 'a b', 'a/b', 'ä', 'a'.repeat(65), 'a\n']) {
    assert.throws(() => accounts.add(name, {}, root), { code: 'TUN_ERR_FIELD', field: 'name' }, name)
  }
  for (const name of ['a', '1', 'alice@example.com', 'a.b_c+d-e', 'a'.repeat(64)]) accounts.add(name, {}, root)
  assert.throws(() => accounts.set('alice', { names: ['ok', '*'], role: 'admin' }, root), { field: 'names[1]' })
  for (const tunnels of [-1, 1.5, 65_537, Number.NaN]) {
    assert.throws(() => accounts.set('alice', { limits: { tunnels } }, root), { field: 'limits.tunnels' })
  }
  assert.throws(() => accounts.ban('alice', 'two\nlines', root), { field: 'reason' })
  assert.throws(() => accounts.createToken('alice', { label: '\u001b[2J' }, root), { field: 'label' })
  for (const expiresInMs of [0, -1, 0.5, 1e15]) {
    assert.throws(() => accounts.createToken('alice', { expiresInMs }, root), { field: 'expiresInMs' })
  }
  const { role, ban, tokens } = accounts.show('alice')
  assert.deepEqual([role, ban, tokens], ['user', null, 0])
})

test('a token is given out once; the store keeps nothing that opens a door', (t) => {
  const { folder, accounts } = world(t)
  accounts.add('alice', {}, root)
  const { token, text } = accounts.createToken('alice', { label: 'laptop', expiresInMs: DAY_MS }, root)
  const shown = { id: token.id, account: 'alice', label: 'laptop', createdAt: NOW, expiresAt: NOW + DAY_MS }
  assert.deepEqual(token, shown)
  assert.deepEqual(accounts.tokens('alice'), [shown])
  assert.deepEqual(accounts.tokens(), [shown])
  const secret = text.split('_')[2]!
  for (const file of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, file)).toString('latin1')
    assert.ok(!bytes.includes(secret), file)
  }
  assert.doesNotMatch(JSON.stringify(accounts.history(10)), new RegExp(secret))
  const found = accounts.roster().find(text)
  assert.deepEqual([found?.id, found?.account.name, found?.expiresAt], [token.id, 'alice', NOW + DAY_MS])
  assert.equal(accounts.roster().find(`${text.slice(0, -1)}${text.endsWith('a') ? 'b' : 'a'}`), undefined)
})

test('a revoked token is nobody, others of the account stay; with an account go its tokens', (t) => {
  const { accounts } = world(t)
  accounts.add('alice', {}, root)
  const [one, two] = [accounts.createToken('alice', {}, root), accounts.createToken('alice', {}, root)]
  assert.equal(accounts.revoke(one.token.id, root).account, 'alice')
  assert.equal(accounts.roster().find(one.text), undefined)
  assert.equal(accounts.roster().find(two.text)?.account.name, 'alice')
  assert.throws(() => accounts.revoke(one.token.id, root), { code: 'TUN_ERR_NO_ACCOUNT' })
  assert.equal(accounts.show('alice').tokens, 1)
  accounts.remove('alice', root)
  assert.deepEqual([accounts.tokens(), accounts.roster().find(two.text)], [[], undefined])
  accounts.add('alice', {}, root)
  assert.equal(accounts.roster().find(two.text), undefined, 'another account of the same name is another account')
})

test('a ban is known with its reason until it is taken back', (t) => {
  const { accounts } = world(t)
  accounts.add('alice', {}, root)
  const { text } = accounts.createToken('alice', {}, root)
  assert.deepEqual(accounts.ban('alice', 'spam', root).ban, { at: NOW, reason: 'spam' })
  assert.equal(accounts.roster().find(text)?.account.ban, 'spam')
  assert.equal(accounts.unban('alice', root).ban, null)
  assert.equal(accounts.roster().find(text)?.account.ban, undefined)
})

test('each change is in the audit, with who made it and from where, newest first; what failed is not', (t) => {
  const { accounts } = world(t)
  accounts.add('alice', { names: ['alice-*'] }, root)
  const { token } = accounts.createToken('alice', { label: 'laptop' }, admin)
  accounts.set('alice', { role: 'admin' }, admin)
  accounts.ban('alice', 'spam', root)
  accounts.unban('alice', root)
  accounts.revoke(token.id, root)
  accounts.remove('alice', root)
  assert.throws(() => accounts.remove('alice', root))
  const records = accounts.history(100)
  const [by, away] = [
    { at: NOW, actor: 'root', via: 'command', address: null, subject: 'alice' },
    { at: NOW, actor: 'boss', via: 'api', address: '192.0.2.1', subject: 'alice' },
  ]
  assert.deepEqual(records.map(({ id: _, ...rest }) => rest).reverse(), [
    { ...by, action: 'account.add', details: { role: 'user', names: ['alice-*'] } },
    { ...away, action: 'token.create', details: { token: token.id, label: 'laptop', expiresAt: null } },
    { ...away, action: 'account.set', details: { role: 'admin' } },
    { ...by, action: 'account.ban', details: { reason: 'spam' } },
    { ...by, action: 'account.unban', details: {} },
    { ...by, action: 'token.revoke', details: { token: token.id, label: 'laptop' } },
    { ...by, action: 'account.remove', details: { tokens: 0 } },
  ])
  assert.deepEqual(accounts.history(2), records.slice(0, 2))
  assert.deepEqual(accounts.history(2, records[1]!.id), records.slice(2, 4))
})

test('the audit is kept by age and by number; without bounds nothing of it is lost', (t) => {
  let now = NOW
  const { accounts } = world(t, { now: () => now })
  accounts.add('alice', {}, root)
  for (let i = 0; i < 20; i++) accounts.ban('alice', String(i), root)
  accounts.audit = { days: 10, rows: 5 }
  assert.equal(accounts.history(100).length, 21)
  accounts.prune()
  assert.deepEqual(
    accounts.history(100).map(({ details }) => details.reason),
    ['19', '18', '17', '16', '15'],
  )
  accounts.ban('alice', 'more', root)
  assert.equal(accounts.history(100).length, 5)
  now += 10 * DAY_MS + 1
  accounts.unban('alice', root)
  assert.deepEqual(
    accounts.history(100).map(({ action }) => action),
    ['account.unban'],
  )
})

test('what in the store is none of ours to understand is said, and does no more', (t) => {
  const { database, accounts } = world(t)
  accounts.add('alice', {}, root)
  accounts.createToken('alice', {}, root)
  for (const [column, value] of [
    ['names', '"alice"'],
    ['names', '[1]'],
    ['names', '{'],
    ['limits', '[]'],
    ['limits', '{"tunnels":"x"}'],
  ] as const) {
    database.write((sql) => {
      sql.run("UPDATE accounts SET names = '[]', limits = '{}'")
      sql.run(`UPDATE accounts SET ${column} = ?`, value)
    })
    for (const read of [() => accounts.list(), () => accounts.roster()]) {
      assert.throws(read, { code: 'TUN_ERR_DATA', message: new RegExp(`${column} of account alice can't be read`) })
    }
  }
  database.write((sql) => sql.run("UPDATE accounts SET names = '[]', limits = '{}'"))
  database.write((sql) => sql.run("UPDATE tokens SET digest = '00'"))
  const { text } = accounts.createToken('alice', {}, root)
  assert.equal(accounts.roster().find(text)?.account.name, 'alice')
})
