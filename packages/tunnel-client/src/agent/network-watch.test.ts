import assert from 'node:assert/strict'
import type { NetworkInterfaceInfo } from 'node:os'
import { type TestContext, test } from 'node:test'
import { NetworkWatch } from './network-watch.js'

const LOOK_EVERY_MS = 2_000

function world(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000_000 })
  let clockOffMs = 0
  const now = Date.now
  t.mock.method(Date, 'now', () => now() + clockOffMs)
  const news: string[][] = []
  const here = {
    addresses: ['192.0.2.1', '2001:db8::1'],
    internal: ['127.0.0.1'],
    broken: false,
    setClock(ms: number) {
      clockOffMs += ms
    },
    look: () => t.mock.timers.tick(LOOK_EVERY_MS),
  }
  const info = (internal: boolean) => (address: string) => ({ address, internal }) as NetworkInterfaceInfo
  const watch = new NetworkWatch(
    (addresses) => news.push([...addresses]),
    () => {
      if (here.broken) throw new Error('not here')
      return { lo: here.internal.map(info(true)), eth0: here.addresses.map(info(false)), gone: undefined }
    },
  )
  watch.start()
  return { here, news, watch, look: here.look, setClock: here.setClock }
}

test('an address that comes or goes is news, told once, with all addresses that there are', (t) => {
  const { here, news, look } = world(t)
  look()
  assert.deepEqual(news, [])
  here.addresses = ['192.0.2.1']
  look()
  look()
  here.addresses = ['192.0.2.1', '192.0.2.2']
  look()
  assert.deepEqual(news, [
    ['127.0.0.1', '192.0.2.1'],
    ['127.0.0.1', '192.0.2.1', '192.0.2.2'],
  ])
})

test('internal and link-local addresses, and another order, are no news', (t) => {
  const { here, news, look } = world(t)
  here.addresses = ['2001:db8::1', 'fe80::1', '192.0.2.1']
  here.internal = ['127.0.0.1', '::1']
  look()
  assert.deepEqual(news, [])
})

test('waking up is news; a clock that is set back is not', (t) => {
  const { news, look, setClock } = world(t)
  setClock(-3_600_000)
  look()
  setClock(4_000)
  look()
  assert.equal(news.length, 0)
  setClock(6_000)
  look()
  look()
  assert.equal(news.length, 1)
})

test('a system that does not let us look has no news, and stopped there are none', (t) => {
  const { here, news, look, watch } = world(t)
  here.broken = true
  look()
  look()
  here.broken = false
  watch.stop()
  here.addresses = []
  look()
  assert.deepEqual(news, [])
})

test('without a reader of its own it looks at this machine, and does not keep the process alive', () => {
  new NetworkWatch(() => {}).start()
})
