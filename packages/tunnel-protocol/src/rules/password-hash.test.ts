import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkPassword, hashPassword, isPasswordHash, MAX_PASSWORD_LENGTH } from './password-hash.js'

const matches = (password: string, hash: string) =>
  new Promise<boolean>((resolve) => checkPassword(password, hash, resolve))

test('a password matches its hash, and no other does', async () => {
  const hash = hashPassword('open sesame')
  assert.ok(isPasswordHash(hash))
  assert.ok(!hash.includes('sesame'))
  assert.equal(await matches('open sesame', hash), true)
  for (const other of ['open sesam', 'open sesame ', 'Open sesame', ''])
    assert.equal(await matches(other, hash), false, other)
})

test('two hashes of a password differ, unless they have the same salt', () => {
  assert.notEqual(hashPassword('x'), hashPassword('x'))
  const salt = Buffer.alloc(16, 7)
  assert.equal(hashPassword('x', salt), hashPassword('x', salt))
})

test('an accent is the same character however it is typed', async () => {
  assert.equal(await matches('cafe\u0301', hashPassword('caf\u00e9')), true)
})

test('what is longer than a password may be is none', async () => {
  const longest = 'x'.repeat(MAX_PASSWORD_LENGTH)
  assert.equal(await matches(longest, hashPassword(longest)), true)
  assert.equal(await matches(`${longest}x`, hashPassword(`${longest}x`)), false)
})

test('a hash of another kind, or with other lengths, is none', () => {
  const hash = hashPassword('x')
  for (const text of ['', 'x', hash.slice(1), `${hash}x`, hash.slice(0, -1), hash.replace('scrypt', 'bcrypt'), 7, null])
    assert.equal(isPasswordHash(text), false, String(text))
})
