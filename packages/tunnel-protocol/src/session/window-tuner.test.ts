import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReceiveWindow } from './receive-window.js'
import { RoundTrip } from './round-trip.js'
import { SendWindow } from './send-window.js'
import { WindowBudget } from './window-budget.js'
import { tunedWindow } from './window-tuner.js'

const KIB = 1024
const MIB = 1024 * KIB
const FIRST_BYTES = 64 * KIB
const FREE_BYTES = 256 * KIB
const MAX_BYTES = 16 * MIB

interface Way {
  /** What the line carries. */
  bytesPerMs: number
  /** What it takes there and back when it is empty. */
  roundTripMs: number
  /** What was measured of it. The same unless given. */
  knownRoundTripMs?: number
  /** What the receiver can read. Unless given, whatever comes. */
  readPerMs?: number
  budget?: WindowBudget
}

/** One stream whose sender always has more, over a line with a delay and a queue, on a clock that only run() moves. */
class Transfer {
  nowMs = 0
  readBytes = 0
  readPerMs: number
  /** The largest window so far. */
  mostBytes = 0
  /** The receiver is busy with something else. */
  busy = false
  readonly window: ReceiveWindow
  readonly roundTrip: RoundTrip
  readonly #way: Way
  readonly #stepMs: number
  readonly #sender = new SendWindow(FIRST_BYTES)
  /** Handed to the kernel, and waiting for the line. */
  #queued = 0
  /** On their way: bytes, and credit, with the time when they arrive. */
  #flying: Array<{ bytes: number; atMs: number }> = []
  #granted: Array<{ bytes: number; atMs: number }> = []
  #arrived = 0

  constructor(way: Way) {
    this.#way = way
    this.readPerMs = way.readPerMs ?? Number.POSITIVE_INFINITY
    this.#stepMs = Math.min(1, way.roundTripMs / 20)
    this.roundTrip = new RoundTrip(way.knownRoundTripMs ?? way.roundTripMs)
    this.window = new ReceiveWindow(FIRST_BYTES, {
      maxBytes: FREE_BYTES,
      budget: new WindowBudget(Number.POSITIVE_INFINITY),
      tuning: {
        maxBytes: MAX_BYTES,
        budget: way.budget ?? new WindowBudget(Number.POSITIVE_INFINITY),
        roundTrip: this.roundTrip,
        now: () => this.nowMs,
      },
    })
  }

  get onTheWayBytes(): number {
    return this.#way.bytesPerMs * this.#way.roundTripMs
  }

  /** Returns the bytes read in each millisecond. */
  run(ms: number): number {
    const [from, read] = [this.nowMs, this.readBytes]
    while (this.nowMs < from + ms) this.step()
    return (this.readBytes - read) / (this.nowMs - from)
  }

  step(): void {
    const { bytesPerMs, roundTripMs } = this.#way
    this.nowMs += this.#stepMs
    const arrivesAtMs = this.nowMs + roundTripMs / 2
    while (this.#granted.length > 0 && this.#granted[0]!.atMs <= this.nowMs)
      this.#sender.add(this.#granted.shift()!.bytes)
    this.#queued += this.#sender.take(this.#sender.credit)
    const sent = Math.min(this.#queued, Math.floor(bytesPerMs * this.#stepMs))
    this.#queued -= sent
    if (sent > 0) this.#flying.push({ bytes: sent, atMs: arrivesAtMs })
    while (this.#flying.length > 0 && this.#flying[0]!.atMs <= this.nowMs) this.#arrived += this.#flying.shift()!.bytes
    if (this.busy) return
    // A receiver that reads what comes takes it from the socket; a slower one leaves it in its window.
    this.window.hold(this.#arrived)
    this.#arrived = 0
    let left = Math.min(this.window.heldBytes, this.readPerMs * this.#stepMs)
    for (; left >= 1; left -= 64 * KIB) {
      const part = Math.floor(Math.min(left, 64 * KIB))
      const grant = this.window.read(part)
      this.readBytes += part
      if (grant > 0) this.#granted.push({ bytes: grant, atMs: arrivesAtMs })
      this.mostBytes = Math.max(this.mostBytes, this.window.windowBytes)
    }
  }
}

const ways = [1_000, 10_000, 125_000, 500_000].flatMap((bytesPerMs) =>
  [5, 20, 100, 300].map((roundTripMs) => ({ bytesPerMs, roundTripMs })),
)

test('a window finds the size that the way needs, two or three times what is on it, and then the line is the limit', () => {
  const busy = { bytesPerMs: 125_000, roundTripMs: 20, knownRoundTripMs: 70 }
  for (const way of [...ways, busy]) {
    const transfer = new Transfer(way)
    transfer.run(30 * way.roundTripMs + 500)
    const { onTheWayBytes } = transfer
    const name = JSON.stringify(way)
    if (onTheWayBytes * 2 < MAX_BYTES) {
      assert.ok(transfer.run(20 * way.roundTripMs) > way.bytesPerMs * 0.98, name)
      assert.ok(transfer.mostBytes <= Math.max(FREE_BYTES, onTheWayBytes * 4), `${name}: ${transfer.mostBytes}`)
    }
    const { windowBytes } = transfer.window
    const [least, most] = [onTheWayBytes * 1.9, onTheWayBytes * 3.1].map((bytes) => Math.min(bytes, MAX_BYTES))
    assert.ok(windowBytes >= least!, `${name}: ${windowBytes} of ${least}`)
    assert.ok(windowBytes <= Math.max(FREE_BYTES, most!), `${name}: ${windowBytes} of ${most}`)
  }
})

test('it takes few round trips to get there', () => {
  const way = { bytesPerMs: 125_000, roundTripMs: 100 }
  const transfer = new Transfer(way)
  transfer.run(10 * way.roundTripMs)
  assert.equal(transfer.window.windowBytes, MAX_BYTES)
})

test('a way shorter than half a millisecond counts as one of that, also where it was measured on a busy machine', () => {
  for (const roundTripMs of [0.1, 0.5]) {
    const gigabit = new Transfer({ roundTripMs, bytesPerMs: 125_000 })
    gigabit.run(200)
    assert.equal(gigabit.mostBytes, FREE_BYTES)
    for (const knownRoundTripMs of [roundTripMs, 5, 50]) {
      const memory = new Transfer({ roundTripMs, knownRoundTripMs, bytesPerMs: 1_000_000 })
      memory.run(200)
      const { windowBytes } = memory.window
      assert.ok(
        windowBytes > 0.9 * MIB && windowBytes < 1.6 * MIB,
        `${roundTripMs}, ${knownRoundTripMs}: ${windowBytes}`,
      )
    }
  }
})

test('a line that is slow, and queues, is not taken for a long one', () => {
  // Once 256 KiB are on their way, answers take a second.
  const transfer = new Transfer({ bytesPerMs: 250, roundTripMs: 50 })
  transfer.run(60_000)
  assert.equal(transfer.mostBytes, FREE_BYTES)
})

test('a window that was tuned while all thought the way longer goes back', () => {
  const transfer = new Transfer({ bytesPerMs: 125_000, roundTripMs: 20 })
  transfer.run(1_000)
  assert.ok(transfer.window.windowBytes > 4 * MIB)
  transfer.roundTrip.measured(0.5)
  transfer.run(1_000)
  assert.equal(transfer.window.windowBytes, FREE_BYTES)
})

test('a reader that is slow gets no larger window than it needs, and one that becomes slow gives it back', () => {
  for (const readPerMs of [1, 10, 100]) {
    const transfer = new Transfer({ bytesPerMs: 125_000, roundTripMs: 100, readPerMs })
    transfer.run(30_000)
    assert.ok(transfer.mostBytes <= FREE_BYTES)
  }
  const transfer = new Transfer({ bytesPerMs: 125_000, roundTripMs: 100, readPerMs: 10_000 })
  assert.ok(transfer.run(5_000) > 9_000)
  assert.ok(transfer.mostBytes <= 10_000 * 100 * 4)
  transfer.readPerMs = 100
  transfer.run(60_000)
  assert.equal(transfer.window.windowBytes, FREE_BYTES)
})

test('a reader that stops keeps a window at most, and what it reads later is granted again', () => {
  const transfer = new Transfer({ bytesPerMs: 125_000, roundTripMs: 100 })
  transfer.run(2_000)
  transfer.readPerMs = 0
  transfer.run(1_000)
  const { heldBytes } = transfer.window
  assert.ok(heldBytes <= MAX_BYTES && heldBytes >= (MAX_BYTES * 5) / 6, `${heldBytes}`)
  transfer.readPerMs = Number.POSITIVE_INFINITY
  transfer.run(2_000)
  assert.ok(transfer.run(1_000) > 120_000)
})

test('a receiver that is held up for moments still gets all that the line carries between them', () => {
  const transfer = new Transfer({ bytesPerMs: 125_000, roundTripMs: 50 })
  transfer.run(2_000)
  const from = transfer.readBytes
  for (let i = 0; i < 10; i++) {
    transfer.busy = true
    transfer.run(30)
    transfer.busy = false
    transfer.run(470)
  }
  assert.ok(transfer.readBytes - from > 0.9 * 5_000 * 125_000)
})

test('each window may have as much of the budget as is left: those that come later find something, and those before give it', () => {
  const budget = new WindowBudget(32 * MIB, new WindowBudget(48 * MIB))
  const transfers = Array.from({ length: 7 }, () => new Transfer({ bytesPerMs: 125_000, roundTripMs: 100, budget }))
  const extra = (transfer: Transfer) => Math.max(0, transfer.window.windowBytes - FREE_BYTES)
  for (let count = 1; count <= transfers.length; count++) {
    for (let ms = 0; ms < 10_000; ms++) for (const transfer of transfers.slice(0, count)) transfer.step()
    const share = Math.min(MAX_BYTES - FREE_BYTES, (32 * MIB) / (count + 1))
    for (const transfer of transfers.slice(0, count)) {
      assert.ok(Math.abs(extra(transfer) - share) < share / 10, `${extra(transfer)} of ${share} for ${count}`)
    }
    assert.equal(
      budget.usedBytes,
      transfers.reduce((sum, transfer) => sum + extra(transfer), 0),
    )
  }
  const [first, ...others] = transfers
  for (const { window } of others) window.release()
  first!.run(5_000)
  assert.equal(first!.window.windowBytes, MAX_BYTES)
  first!.window.release()
  assert.equal(budget.usedBytes, 0)
})

test('those that stand still with a large window leave something to others', () => {
  const budget = new WindowBudget(32 * MIB)
  for (let i = 0; i < 3; i++) {
    const stuck = new Transfer({ bytesPerMs: 125_000, roundTripMs: 100, budget })
    stuck.run(5_000)
    stuck.busy = true
  }
  assert.ok(budget.leftBytes > 3 * MIB)
})

const step = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('send' as const), fc.nat(40_000)) },
  { weight: 4, arbitrary: fc.tuple(fc.constant('read' as const), fc.nat(40_000)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('wait' as const), fc.nat(100)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant('others' as const), fc.nat(40_000)) },
)

test('however a window grows and shrinks, no sender has more credit than there is room, none waits without cause, and the budget is right', () => {
  const grownBytes = 4_000
  const budgetBytes = 40_000
  let [grew, shrank] = [0, 0]
  const check = fc.property(fc.array(step, { minLength: 100, maxLength: 400 }), (script) => {
    const roundTripMs = 5
    let nowMs = 0
    const budget = new WindowBudget(budgetBytes)
    const now = () => {
      nowMs += roundTripMs // no round takes less
      return nowMs
    }
    const window = new ReceiveWindow(1_000, {
      maxBytes: grownBytes,
      budget: new WindowBudget(grownBytes),
      tuning: { maxBytes: 30_000, budget, roundTrip: new RoundTrip(roundTripMs), now },
    })
    const sender = new SendWindow(1_000)
    let others = 0
    for (const [kind, amount] of script) {
      const { windowBytes: before, heldBytes } = window
      if (kind === 'send') window.hold(sender.take(amount))
      else if (kind === 'read') sender.add(window.read(Math.min(amount, heldBytes)))
      else if (kind === 'wait') nowMs += amount
      else {
        budget.giveBack(others)
        others = budget.take(amount) ? amount : 0
      }
      const { windowBytes } = window
      if (windowBytes > before) grew++
      if (windowBytes < before) shrank++
      assert.ok(sender.credit + window.heldBytes <= windowBytes)
      assert.ok(sender.credit > 0 || window.heldBytes * 2 > windowBytes)
      assert.equal(budget.usedBytes - others, Math.max(0, windowBytes - grownBytes))
      assert.ok(windowBytes <= 30_000 && budget.usedBytes <= budgetBytes)
    }
    window.release()
    assert.equal(budget.usedBytes, others)
  })
  fc.assert(check)
  assert.ok(grew > 100 && shrank > 100, `${grew} times larger, ${shrank} times smaller`)
})

/** A window that is tuned, over a way of 100 ms, with a sender that uses all its credit at once. */
function fullWindow() {
  const clock = { nowMs: 0 }
  const budget = new WindowBudget(Number.POSITIVE_INFINITY)
  const tuning = { maxBytes: MAX_BYTES, budget, roundTrip: new RoundTrip(100), now: () => clock.nowMs }
  const window = new ReceiveWindow(FREE_BYTES, { maxBytes: FREE_BYTES, budget, tuning })
  window.hold(FREE_BYTES)
  /** Reads so much after `ms`, and has what comes for it before it reads again. */
  const read = (bytes: number, ms: number) => {
    clock.nowMs += ms
    let granted = 0
    for (let left = bytes; left > 0; left -= 64 * KIB) granted += window.read(Math.min(left, 64 * KIB))
    if (granted > 0) window.hold(granted)
  }
  return { window, tuning, read }
}

test('what was held for long, and is then read at once, makes no way shorter', () => {
  const { window, tuning, read } = fullWindow()
  for (let i = 0; i < 5; i++) read(window.heldBytes, 100)
  const { windowBytes } = window
  assert.ok(windowBytes > MIB)
  for (let i = 0; i < 1_000 && window.windowBytes === windowBytes; i++) read(64 * KIB, 1_000)
  assert.ok(window.windowBytes < windowBytes, 'credit is held back from here on')
  read(window.heldBytes, 1)
  assert.equal(tuning.roundTrip.ms, 100)
})

test('a round that began on another link says nothing', () => {
  const { window, tuning, read } = fullWindow()
  const round = (ms: number) => read(window.heldBytes, ms)
  round(100)
  tuning.roundTrip = new RoundTrip(300)
  round(100)
  assert.equal(tuning.roundTrip.ms, 300)
  round(200)
  round(200)
  assert.equal(tuning.roundTrip.ms, 200, 'one that began on this link does')
})

const rows: Array<[trips: number, change: number]> = [
  [1, 4],
  [1.6, 2.5],
  [2, 1],
  [3, 1],
  [4, 0.625],
  [100, 0.5],
]
for (const [trips, change] of rows) {
  test(`a window that takes ${trips} round trips to pass becomes ${change} times as large`, () => {
    assert.equal(tunedWindow(1_000, trips * 50, 50), 1_000 * change)
  })
}
