import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Claims, newTenure } from './claims.js'

const claims = new Claims(Buffer.alloc(32, 1))
const tenure = newTenure()
const claim = claims.sign('demo', tenure)

test('a claim proves its tenure to whoever has the key, also in another process', () => {
  assert.equal(claims.tenureOf('demo', claim), tenure)
  assert.equal(new Claims(Buffer.alloc(32, 1)).tenureOf('demo', claim), tenure)
  assert.equal(new Claims(Buffer.alloc(32, 2)).tenureOf('demo', claim), undefined)
  assert.equal(new Claims().tenureOf('demo', claim), undefined)
})

test('the longest claim is one that agents keep', () => {
  assert.match(claims.sign('a'.repeat(63), tenure), /^[\x21-\x7e]{1,512}$/)
})

test('whatever is changed about a claim, it proves nothing', () => {
  const other = claims.sign('demo', newTenure())
  const [version, name, , mac] = claim.split('.')
  const forged = [
    undefined,
    '',
    '.',
    '...',
    'v1.demo',
    tenure,
    claim.slice(0, -1),
    `${claim}x`,
    `${claim}.`,
    ` ${claim}`,
    claim.replace('v1', 'v2'),
    [version, name, tenure, other.split('.')[3]].join('.'),
    [version, name, other.split('.')[2], mac].join('.'),
    [version, name, tenure, ''].join('.'),
    'ü'.repeat(claim.length),
    '\0'.repeat(claim.length),
  ]
  for (const each of forged) assert.equal(claims.tenureOf('demo', each), undefined, each)
  for (let i = 0; i < claim.length; i++) {
    const changed = `${claim.slice(0, i)}${claim[i] === 'A' ? 'B' : 'A'}${claim.slice(i + 1)}`
    assert.equal(claims.tenureOf('demo', changed), undefined, changed)
  }
  assert.equal(claims.tenureOf('other', claim), undefined, 'a claim is for one name')
})
