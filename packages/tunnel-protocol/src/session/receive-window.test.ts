import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReceiveWindow } from './receive-window.js'
import { SendWindow } from './send-window.js'
import { WindowBudget } from './window-budget.js'

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

test('the window of a reader that keeps up grows, up to its largest, and credit comes at once', () => {
  const window = new ReceiveWindow(100, { maxBytes: 1_000, budget: new WindowBudget(5_000) })
  window.hold(50)
  assert.equal(window.read(50), 350)
  assert.equal(window.windowBytes, 400)
  window.hold(400)
  assert.equal(window.read(400), 1_000)
  window.hold(1_000)
  assert.equal(window.read(1_000), 1_000)
  assert.equal(window.windowBytes, 1_000)
})

test('the window of a reader that lags behind stays as it is', () => {
  const window = new ReceiveWindow(100, { maxBytes: 1_000, budget: new WindowBudget(5_000) })
  for (let i = 0; i < 20; i++) {
    window.hold(i === 0 ? 100 : 60)
    assert.equal(window.read(60), 60)
  }
  assert.equal(window.windowBytes, 100)
})

test('windows share a budget, of which each session has a part, and give back what they took when they end', () => {
  const all = new WindowBudget(900)
  const growth = (budget: WindowBudget) => ({ maxBytes: 400, budget })
  const grown = (budget: WindowBudget) => {
    const window = new ReceiveWindow(100, growth(budget))
    window.hold(100)
    window.read(100)
    return window
  }
  const one = new WindowBudget(600, all)
  const windows = [grown(one), grown(one), grown(one)]
  assert.deepEqual(
    windows.map((window) => window.windowBytes),
    [400, 400, 100],
  )
  const other = new WindowBudget(600, all)
  assert.deepEqual(
    [grown(other), grown(other)].map((window) => window.windowBytes),
    [400, 100],
  )
  assert.deepEqual([all.usedBytes, all.leftBytes, one.leftBytes, other.leftBytes], [900, 0, 0, 0])
  for (const window of windows) window.release()
  windows[0]!.release()
  windows[0]!.hold(400)
  windows[0]!.read(400) // read late, after the end of its stream
  assert.deepEqual([one.usedBytes, other.usedBytes, all.usedBytes], [0, 300, 300])
})
