import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readTokenFile, TokenList } from './tokens.js'

test('without tokens everyone may open tunnels', () => {
  const list = new TokenList([])
  assert.equal(list.open, true)
  assert.equal(list.accountOf(undefined, '192.0.2.1'), list.accountOf('anything', '192.0.2.1'))
  assert.notEqual(list.accountOf(undefined, '192.0.2.1'), list.accountOf(undefined, '192.0.2.2'))
})

test('with tokens only who has one may', () => {
  const list = new TokenList(['one', 'two'])
  assert.equal(list.open, false)
  assert.notEqual(list.accountOf('one', '192.0.2.1'), list.accountOf('two', '192.0.2.1'))
  assert.equal(list.accountOf('one', '192.0.2.1'), list.accountOf('one', '192.0.2.2'))
  assert.doesNotMatch(list.accountOf('one', '192.0.2.1'), /one/)
  assert.throws(() => list.accountOf(undefined, '192.0.2.1'), /TUN_ERR_UNAUTHORIZED: this server wants a token/)
  for (const wrong of ['', 'on', 'onee', 'ONE'])
    assert.throws(() => list.accountOf(wrong, ''), /does not know the token/)
})

test('a refusal does not repeat the token', () => {
  assert.throws(
    () => new TokenList(['one']).accountOf('my-secret', ''),
    (error: Error) => !error.message.includes('my-secret'),
  )
})

test('a token file holds one token a line, and an unusable one is refused with its path', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tokens-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'tokens')
  writeFileSync(path, '# team\none\n\n  two  \r\n')
  assert.deepEqual(readTokenFile(path), ['one', 'two'])
  writeFileSync(path, '# nobody yet\n')
  assert.throws(() => readTokenFile(path), /holds no token/)
  assert.throws(
    () => readTokenFile(join(folder, 'missing')),
    /TUN_ERR_OPTION: --token-file: cannot read .*missing \(ENOENT\)/,
  )
})

test('a list that was replaced knows the accounts of the tokens that stayed, and no others', () => {
  const list = new TokenList(['one', 'two'])
  const [one, two] = [list.accountOf('one', ''), list.accountOf('two', '')]
  list.replace(['two', 'three'])
  assert.deepEqual(
    [one, two].map((account) => list.knows(account)),
    [false, true],
  )
  assert.throws(() => list.accountOf('one', ''), /does not know the token/)
  const guest = new TokenList([]).accountOf(undefined, '192.0.2.1')
  assert.equal(list.knows(guest), false)
  list.replace([])
  assert.deepEqual(
    [two, guest].map((account) => list.knows(account)),
    [false, true],
  )
})
