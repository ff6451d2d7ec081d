import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressGroup } from './address-group.js'

const groups: Array<[string, string]> = [
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
  ['2001:0DB8:0000:0001:ffff:ffff:ffff:ffff', '2001:db8:0:1::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['::1', '0:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
  ['', ''],
]
for (const [address, group] of groups) {
  test(`${address || 'an empty address'} counts as ${group || 'itself'}`, () =>
    assert.equal(addressGroup(address), group))
}

test('what is no address is kept short', () => assert.equal(addressGroup('x'.repeat(1_000)).length, 64))
