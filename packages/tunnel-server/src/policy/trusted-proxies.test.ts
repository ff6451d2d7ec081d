import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trustedProxies } from './trusted-proxies.js'

test('addresses and ranges of both families are known', () => {
  const trusted = trustedProxies(['127.0.0.1', '10.0.0.0/8', 'fd00::/8'])
  for (const address of ['127.0.0.1', '10.255.0.1', 'fd12::1']) assert.equal(trusted(address), true, address)
  for (const address of ['127.0.0.2', '11.0.0.1', 'fe80::1', '', 'nonsense'])
    assert.equal(trusted(address), false, address)
})

test('without proxies nobody is trusted', () => assert.equal(trustedProxies([])('127.0.0.1'), false))

for (const wrong of ['10.0.0.0/33', '10.0.0.0/', '10.0.0/8', 'fd00::/129', 'localhost', '10.0.0.0/x', '1.2.3.4/8/9']) {
  test(`"${wrong}" is refused, naming the flag`, () => {
    assert.throws(() => trustedProxies([wrong]), /TUN_ERR_OPTION: --trust-proxy: expected an address or CIDR/)
  })
}

test('what is no address is no proxy', () => {
  const trusted = trustedProxies(['0.0.0.0/0', '::/0'])
  for (const text of ['', 'unknown', '1.2.3.4:5', '_x']) assert.equal(trusted(text), false)
})
