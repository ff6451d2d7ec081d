import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPassword, TunnelError } from 'tunnel-protocol'
import { rulesOf } from './rules.js'

const place = { server: 'http://localhost:8000', name: 'demo' }

const matches = (password: string, hash: string) =>
  new Promise<boolean>((resolve) => checkPassword(password, hash, resolve))

test('without anything asked for there are no rules', () => {
  assert.equal(rulesOf({}, place), undefined)
  assert.equal(rulesOf({ rules: {} }, place), undefined)
})

test('what is given by itself takes the place of that part of the rules', () => {
  const rules = { allowIp: ['10.0.0.0/8'], denyIp: ['10.6.0.0/16'] }
  assert.deepEqual(rulesOf({ rules, allowIp: ['::1'] }, place), { ...rules, allowIp: ['::1'] })
})

test('a list without anything in it is refused: it would let in everybody', () => {
  for (const options of [{ allowIp: [] }, { basicAuth: [] }])
    assert.throws(() => rulesOf(options, place), /expected a list of 1/)
})

test('users are sent with the hashes of their passwords', async () => {
  const rules = rulesOf({ basicAuth: ['alice:open:sesame', 'bob: x '] }, place)!
  const users = rules.basicAuth!
  assert.deepEqual(
    users.map(({ user }) => user),
    ['alice', 'bob'],
  )
  assert.ok(await matches('open:sesame', users[0]!.hash))
  assert.ok(await matches(' x ', users[1]!.hash))
  assert.doesNotMatch(JSON.stringify(rules), /sesame/)
})

test('a password is sent as its hash', async () => {
  const rules = rulesOf({ password: 'open sesame' }, place)!
  assert.ok(await matches('open sesame', rules.password!.hash))
  assert.doesNotMatch(JSON.stringify(rules), /sesame/)
  for (const password of ['', 'x'.repeat(1_025)])
    assert.throws(() => rulesOf({ password }, place), /password: expected/)
})

test('the hash of a password is the same in each run, and another one for another name, server or user', () => {
  const hash = (where: Parameters<typeof rulesOf>[1], user = 'alice') =>
    rulesOf({ basicAuth: [`${user}:secret`] }, where)!.basicAuth![0]!.hash
  assert.equal(hash(place), hash({ ...place, name: 'Demo' }))
  const others = [hash({ ...place, name: 'other' }), hash({ ...place, server: 'http://localhost' }), hash(place, 'bob')]
  assert.equal(new Set([hash(place), ...others]).size, 4)
  const nameless = { ...place, name: undefined }
  assert.notEqual(hash(nameless), hash(nameless))
})

for (const credentials of ['alice', ':secret', 'alice:', 'al\tice:secret', `alice:${'x'.repeat(1_025)}`, '']) {
  test(`"${credentials.slice(0, 20)}" is no user and password, and is not shown`, () => {
    const refused = (error: unknown) =>
      error instanceof TunnelError && error.code === 'TUN_ERR_OPTION' && !/alice|secret|x{3}/.test(error.detail)
    assert.throws(() => rulesOf({ basicAuth: [credentials] }, place), refused)
  })
}
