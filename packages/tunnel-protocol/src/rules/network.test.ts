import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { addressBits, isInAny, parseNetwork } from './network.js'

const rows: Array<[network: string, inside: string[], outside: string[]]> = [
  ['192.0.2.1', ['192.0.2.1', '::ffff:192.0.2.1', '::ffff:c000:201'], ['192.0.2.2', '192.0.2.0', '::c000:201']],
  ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255', '::FFFF:10.1.2.3'], ['9.255.255.255', '11.0.0.0', '::a00:1']],
  ['10.9.8.7/8', ['10.0.0.1'], ['11.0.0.1']],
  ['0.0.0.0/0', ['1.2.3.4', '::ffff:1.2.3.4'], ['::1', '2001:db8::1']],
  ['::/0', ['::1', '2001:db8::1', '::'], ['1.2.3.4', '::ffff:1.2.3.4']],
  ['2001:db8::/32', ['2001:db8::', '2001:DB8:ffff::1', '2001:db8::1%eth0'], ['2001:db9::', '2001:db7:ffff::']],
  ['2001:db8::/33', ['2001:db8:7fff::'], ['2001:db8:8000::']],
  ['fe80::1', ['fe80::1', 'fe80::1%eth0', 'fe80:0:0:0:0:0:0:1'], ['fe80::2', 'fe80::1:0']],
  ['::ffff:10.0.0.0/104', ['10.1.2.3'], ['11.1.2.3', '::a01:203']],
  ['::ffff:a00:0/104', ['10.1.2.3', '::ffff:10.1.2.3'], ['11.1.2.3']],
  ['64:ff9b::192.0.2.0/120', ['64:ff9b::c000:2ff'], ['64:ff9b::c000:300', '192.0.2.1']],
]
for (const [text, inside, outside] of rows) {
  test(`${text} has ${inside.join(', ')} and not ${outside.join(', ')}`, () => {
    const network = parseNetwork(text)!
    for (const address of inside) assert.ok(isInAny([network], addressBits(address)!), address)
    for (const address of outside) assert.ok(!isInAny([network], addressBits(address)!), address)
  })
}

const wrong = [
  ...['', '/', 'x', '10.0.0', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', '10.0.0.0/+8'],
  ...[
    '10.0.0.0/08.',
    '10.0.0.0/1e1',
    ' 10.0.0.0',
    '10.0.0.0/ 8',
    'fe80::1%eth0',
    'fe80::%1/64',
    '[::1]',
    '010.0.0.1/x',
  ],
]
for (const text of wrong) {
  test(`"${text}" is no network`, () => assert.equal(parseNetwork(text), undefined))
}

test('what is no address has no bits', () => {
  for (const text of ['', 'unknown', '_hidden', '1.2.3', '1.2.3.4:80', '[::1]'])
    assert.equal(addressBits(text), undefined)
})

test('an address is in a network exactly when its first bits are those of the network', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6())
  const check = fc.property(address, fc.nat(128), address, (base, length, other) => {
    const size = isIP(base) === 4 ? 32 : 128
    const prefix = Math.min(length, size)
    const network = parseNetwork(`${base}/${prefix}`)!
    assert.ok(isInAny([network], addressBits(base)!) || (size === 128 && network.isIpv4 === false && isMapped(base)))
    const [one, two] = [binary(base), binary(other)]
    const expected =
      isIpv4(base, prefix) === isMapped(other) &&
      one.slice(0, 128 - size + prefix) === two.slice(0, 128 - size + prefix)
    assert.equal(isInAny([network], addressBits(other)!), expected)
  })
  fc.assert(check, { numRuns: 2_000 })
})

function binary(address: string): string {
  return addressBits(address)!.toString(2).padStart(128, '0')
}

function isMapped(address: string): boolean {
  return binary(address).slice(0, 96) === `${'0'.repeat(80)}${'1'.repeat(16)}`
}

function isIpv4(address: string, prefix: number): boolean {
  return isIP(address) === 4 || (isMapped(address) && prefix >= 96)
}
