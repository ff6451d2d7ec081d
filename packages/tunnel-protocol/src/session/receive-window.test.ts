import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReceiveWindow } from './receive-window.js'
import { SendWindow } from './send-window.js'

const steps = fc.array(fc.tuple(fc.constantFrom('send', 'read'), fc.nat(5_000)))

test('however sends and reads interleave, a receiver holds one window at most and stalls nobody without cause', () => {
  const check = fc.property(fc.integer({ min: 2, max: 4_096 }), steps, (windowBytes, script) => {
    const sender = new SendWindow(windowBytes)
    const receiver = new ReceiveWindow(windowBytes)
    for (const [kind, bytes] of script) {
      if (kind === 'send') receiver.hold(sender.take(bytes))
      else sender.add(receiver.read(Math.min(bytes, receiver.heldBytes)))
      assert.ok(receiver.heldBytes <= windowBytes)
      assert.ok(sender.credit > 0 || receiver.heldBytes * 2 > windowBytes)
      assert.ok(sender.credit + receiver.heldBytes <= windowBytes)
    }
  })
  fc.assert(check)
})

test('one byte over the window is refused, whether the window is full of unread or of ungranted bytes', () => {
  const unread = new ReceiveWindow(100)
  unread.hold(100)
  assert.throws(() => unread.hold(1), { code: 'TUN_ERR_FLOW_CONTROL' })

  const ungranted = new ReceiveWindow(100)
  ungranted.hold(100)
  assert.equal(ungranted.read(49), 0)
  assert.throws(() => ungranted.hold(1), { code: 'TUN_ERR_FLOW_CONTROL' })
  assert.equal(ungranted.read(1), 50)
  ungranted.hold(50)
  assert.equal(ungranted.heldBytes, 100)
})

test('a grant comes once half a window was read, and pays back everything owed', () => {
  const window = new ReceiveWindow(1_000)
  window.hold(1_000)
  assert.equal(window.read(300), 0)
  assert.equal(window.read(199), 0)
  assert.equal(window.read(201), 700)
  assert.equal(window.read(300), 0)
})
