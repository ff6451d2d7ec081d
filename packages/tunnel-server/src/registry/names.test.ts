import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { checkName, isRandomName, randomName } from './names.js'

for (const name of ['a', 'demo', 'my-app', '0', 'a'.repeat(63), 'a--b', 'ab-cd']) {
  test(`"${name.slice(0, 20)}" is a valid name`, () => assert.equal(checkName(name), name))
}

test('a name is taken in lower case', () => assert.equal(checkName('MyName'), 'myname'))

const refused: Array<[string, RegExp]> = [
  ['', /is not a valid name: a name has 1 to 63 of a-z, 0-9 and "-"/],
  ['a'.repeat(64), /is not a valid name/],
  ['-a', /neither begins nor ends with "-"/],
  ['a-', /neither begins nor ends with "-"/],
  ['a.b', /is not a valid name/],
  ['a_b', /is not a valid name/],
  ['ä', /"\?" is not a valid name/],
  ['xn--fsq', /encoded names/],
  ['www', /reserved/],
  ['Admin', /reserved/],
  ['__proto__', /is not a valid name/],
]
for (const [name, rule] of refused) {
  test(`"${name.slice(0, 20)}" is refused with the rule it breaks`, () => {
    assert.throws(
      () => checkName(name),
      (error: TunnelError) =>
        error instanceof TunnelError && error.code === 'TUN_ERR_NAME_INVALID' && rule.test(error.detail),
    )
  })
}

test('random names are valid, long and all different', () => {
  const names = new Set(Array.from({ length: 1_000 }, () => randomName()))
  assert.equal(names.size, 1_000)
  for (const name of names) assert.match(checkName(name), /^[a-z0-9]{13}$/)
})

test('a name that was made up looks like one, and most others do not', () => {
  for (let i = 0; i < 100; i++) assert.ok(isRandomName(randomName()))
  for (const name of ['demo', 'a2345678bcde', 'a2345678bcdefg', 'hello-tunnels', 'A2345678bcdef', 'l2345678bcdef']) {
    assert.ok(!isRandomName(name), name)
  }
})
