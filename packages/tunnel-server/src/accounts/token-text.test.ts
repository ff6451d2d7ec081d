import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOf, newToken, tokenIdOf } from './token-text.js'

test('a token names itself by its id, and what is kept of it is its digest', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 100; i++) {
    const { id, text, digest } = newToken()
    assert.match(text, /^tun_[a-z2-9]{12}_[a-z2-9]{32}$/)
    assert.equal(tokenIdOf(text), id)
    assert.deepEqual(digest, digestOf(text))
    assert.ok(!digest.toString('latin1').includes(text))
    seen.add(id).add(text)
  }
  assert.equal(seen.size, 200)
})

test('what has not the form of a token has no id', () => {
  const { text } = newToken()
  for (const wrong of [
    '',
    'tun_',
    text.slice(1),
    text.slice(0, -1),
    `${text}a`,
    text.toUpperCase(),
    `${text}\n`,
    'one',
  ]) {
    assert.equal(tokenIdOf(wrong), undefined, wrong)
  }
})
