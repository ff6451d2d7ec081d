import assert from 'node:assert/strict'
import { timingSafeEqual } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readTokenFile, StaticTokens } from './static-tokens.js'

test('each token is an account, whose name does not hold it, and nothing else is one', () => {
  const tokens = new StaticTokens(['one', 'two'])
  const [one, two] = [tokens.accountOf('one'), tokens.accountOf('two')]
  assert.match(one ?? '', /^token [0-9a-f]{16}$/)
  assert.notEqual(one, two)
  assert.equal(tokens.accountOf('one'), one)
  for (const wrong of ['', 'on', 'onee', 'ONE']) assert.equal(tokens.accountOf(wrong), undefined)
  assert.equal(new StaticTokens().accountOf('one'), undefined)
})

test('whatever is asked for is compared with every token', () => {
  const tokens = new StaticTokens(['one', 'two', 'three'])
  let count = 0
  const counting: typeof timingSafeEqual = (a, b) => {
    count++
    return timingSafeEqual(a, b)
  }
  for (const text of ['one', 'three', 'none', '']) {
    count = 0
    tokens.accountOf(text, counting)
    assert.equal(count, 3, text)
  }
})

test('an account is known as long as its token is there', () => {
  const two = new StaticTokens(['one', 'two']).accountOf('two')!
  assert.deepEqual(
    [new StaticTokens(['two', 'three']), new StaticTokens(['one']), new StaticTokens()].map((list) => list.knows(two)),
    [true, false, false],
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
