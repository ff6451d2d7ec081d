import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { covers, Passes, ruleDigest } from './passes.js'

const KEY = Buffer.alloc(32, 7)
const pass = { tunnel: 'demo', rule: ruleDigest('password', 'hash'), path: '/', ends: 2_000 }

test('a pass is what was signed, until it ends', () => {
  let now = 1_999
  const passes = new Passes(KEY, () => now)
  const text = passes.sign(pass)
  assert.match(text, /^[\w.-]{1,300}$/)
  assert.deepEqual(passes.read(text), pass)
  now = 2_000
  assert.equal(passes.read(text), undefined)
})

test('what was signed by another key, or altered in any place, is no pass', () => {
  const passes = new Passes(KEY, () => 0)
  const text = passes.sign(pass)
  assert.equal(new Passes(Buffer.alloc(32, 8), () => 0).read(text), undefined)
  for (let i = 0; i < text.length; i++) {
    for (const letter of ['A', 'B', '.', '']) {
      const altered = text.slice(0, i) + letter + text.slice(i + 1)
      // The last letter of a MAC has two bits that mean nothing.
      if (altered !== text && i < text.length - 1) assert.equal(passes.read(altered), undefined, altered)
    }
  }
})

test('nothing that anybody makes up is a pass', () => {
  const passes = new Passes(KEY, () => 0)
  const text = passes.sign(pass)
  const parts = [...text.split('.'), '.', 'v1.', '', 'x'.repeat(2_000), '"', '=']
  const made = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...parts), { maxLength: 8 }).map((list) => list.join('')),
  )
  fc.assert(fc.property(made, (given) => given === text || passes.read(given) === undefined))
})

test('a pass names the rule, and does not tell it', () => {
  assert.notEqual(ruleDigest('password', 'a'), ruleDigest('password', 'b'))
  assert.notEqual(ruleDigest('password', 'a'), ruleDigest('share', 'a'))
  assert.doesNotMatch(ruleDigest('password', 'secret'), /secret/)
})

const inside = ['/design', '/design/', '/design/a', '/design?x=/../y', '/design/a.b/..c', '/design/...']
const outside = [
  ...['/', '/designs', '/Design', '/other', '*', '/design/..', '/design/../secret', '/design/./a', '/design/.'],
  ...['/design/%2e%2e/secret', '/design/.%2E/secret', '/design/..%2fsecret', '/design/..\\secret', '/design/%5c..'],
  ...['/design/..;/secret', '/x/../design'],
]
for (const target of inside) test(`/design covers ${target}`, () => assert.ok(covers('/design', target)))
for (const target of outside) test(`/design does not cover ${target}`, () => assert.ok(!covers('/design', target)))

test('the root covers everything', () => {
  for (const target of [...inside, ...outside]) assert.ok(covers('/', target))
})
