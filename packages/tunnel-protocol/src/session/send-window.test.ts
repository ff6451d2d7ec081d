import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SendWindow } from './send-window.js'

test('no more is ever sent than was granted', () => {
  const step = fc.tuple(fc.constantFrom('take', 'add'), fc.nat(100_000))
  const check = fc.property(fc.nat(300_000), fc.array(step), (initial, steps) => {
    const window = new SendWindow(initial)
    let granted = initial
    let sent = 0
    for (const [kind, bytes] of steps) {
      if (kind === 'add') {
        window.add(bytes)
        granted += bytes
      } else {
        const taken = window.take(bytes)
        assert.ok(taken === bytes || window.credit === 0)
        sent += taken
      }
      assert.equal(window.credit, granted - sent)
      assert.ok(sent <= granted)
    }
  })
  fc.assert(check)
})

test('credit may reach 2^31-1 and not one byte more', () => {
  const window = new SendWindow(1)
  window.add(0x7fff_fffe)
  assert.equal(window.credit, 0x7fff_ffff)
  assert.throws(() => window.add(1), { code: 'TUN_ERR_FLOW_CONTROL' })
  assert.throws(() => new SendWindow(0).add(0xffff_ffff), { code: 'TUN_ERR_FLOW_CONTROL' })
})
