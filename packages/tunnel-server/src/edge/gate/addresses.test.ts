import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Rules } from 'tunnel-protocol'
import { Addresses } from './addresses.js'

const both = { allowIp: ['10.0.0.0/8'], denyIp: ['10.6.6.0/24'] }
const rows: Array<[Rules, string, string | undefined]> = [
  [{}, '192.0.2.1', undefined],
  [{}, 'unknown', undefined],
  [{ allowIp: ['10.0.0.0/8', '2001:db8::/32'] }, '10.1.2.3', undefined],
  [{ allowIp: ['10.0.0.0/8', '2001:db8::/32'] }, '::ffff:10.1.2.3', undefined],
  [{ allowIp: ['10.0.0.0/8', '2001:db8::/32'] }, '2001:db8::7', undefined],
  [{ allowIp: ['10.0.0.0/8', '2001:db8::/32'] }, '11.1.2.3', 'allowIp'],
  [{ allowIp: ['10.0.0.0/8'] }, '', 'allowIp'],
  [{ allowIp: ['0.0.0.0/0', '::/0'] }, 'unknown', 'allowIp'],
  [{ denyIp: ['10.0.0.0/8'] }, '10.1.2.3', 'denyIp'],
  [{ denyIp: ['10.0.0.0/8'] }, '::ffff:a01:203', 'denyIp'],
  [{ denyIp: ['10.0.0.0/8'] }, '11.1.2.3', undefined],
  [{ denyIp: ['fe80::/10'] }, 'fe80::1%eth0', 'denyIp'],
  [{ denyIp: ['10.0.0.0/8'] }, '_hidden', 'denyIp'],
  [both, '10.6.6.6', 'denyIp'],
  [both, '10.6.7.6', undefined],
  [both, '192.0.2.1', 'allowIp'],
]
for (const [rules, address, refuser] of rows) {
  test(`${JSON.stringify(rules)}: ${address || 'nothing'} is ${refuser === undefined ? 'let in' : `refused by ${refuser}`}`, () =>
    assert.equal(new Addresses(rules).refuserOf(address), refuser))
}
