import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, mock, test } from 'node:test'
import fc from 'fast-check'
import { TunnelError } from 'tunnel-protocol'
import type { Dialer } from './dial.js'
import type { DialFailure, FailureKind } from './dial-failure.js'
import { PatientDialer } from './patient-dialer.js'

const WAIT_MS = 1_000
const PROBE_MS = 50

beforeEach(() => {
  mock.timers.enable({ apis: ['setInterval', 'Date'], now: 1_000_000 })
  const { now } = Date
  mock.method(performance, 'now', now)
  mock.method(Date, 'now', () => 0) // no clock that can be set
})
afterEach(() => {
  mock.timers.reset()
  mock.restoreAll()
})
const pass = (ms: number) => mock.timers.tick(ms)

/** A dial that the test decides about. */
class Dial {
  readonly socket = { destroyed: false, destroy: () => this.#destroy() }
  over = false
  connected = false
  readonly #connected: (socket: Socket) => void
  readonly #failed: (failure: DialFailure) => void

  constructor(connected: (socket: Socket) => void, failed: (failure: DialFailure) => void) {
    this.#connected = connected
    this.#failed = failed
  }

  connect(): void {
    this.over = true
    this.connected = true
    this.#connected(this.socket as unknown as Socket)
  }

  fail(kind: FailureKind, detail: string = kind): void {
    this.over = true
    this.#failed({ error: new TunnelError('TUN_ERR_ORIGIN_REFUSED', detail), kind })
  }

  #destroy(): void {
    this.socket.destroyed = true
  }
}

/** A patient dialer, the dials that it has begun, and what its callers have heard, in order. */
function patient(waitMs = WAIT_MS) {
  const dials: Dial[] = []
  const heard: string[] = []
  const dialer = new PatientDialer(
    {
      dial: (connected: (socket: Socket) => void, failed: (failure: DialFailure) => void) => {
        const dial = new Dial(connected, failed)
        dials.push(dial)
        return () => {
          dial.over = true
        }
      },
    } as unknown as Dialer,
    waitMs,
  )
  const ask = (name: string, broken?: string) =>
    dialer.dial(
      (socket) => heard.push(`${name}: ${dials.findIndex((dial) => (dial.socket as unknown) === socket)}`),
      ({ detail }) => heard.push(`${name}: ${detail}`),
      broken === undefined ? undefined : new TunnelError('TUN_ERR_ORIGIN_RESET', broken),
    )
  return { dialer, dials, heard, ask, open: () => dials.filter(({ over }) => !over) }
}

test('an app that is there is dialled once for each caller', () => {
  const { dials, heard, ask } = patient()
  ask('a')
  ask('b')
  dials[1]!.connect()
  dials[0]!.connect()
  assert.deepEqual(heard, ['b: 1', 'a: 0'])
})

test('however many wait, one dial at a time looks for the app; when it is back all go on in the order in which they came', () => {
  const { dials, heard, ask } = patient()
  const names = Array.from({ length: 100 }, (_, i) => `caller ${i}`)
  for (const name of names.slice(0, 10)) ask(name)
  for (const dial of [...dials]) dial.fail('absent')
  for (const name of names.slice(10)) ask(name)
  assert.equal(dials.length, 10, 'who comes while the app is away does not dial')
  for (let looks = 1; looks <= 5; looks++) {
    pass(PROBE_MS)
    assert.equal(dials.length, 10 + looks)
    pass(PROBE_MS)
    assert.equal(dials.length, 10 + looks, 'one look is enough while it lasts')
    if (looks < 5) dials.at(-1)!.fail('absent')
  }
  assert.deepEqual(heard, [])
  dials[14]!.connect()
  assert.deepEqual(heard, ['caller 0: 14'], 'the connection that was found is used')
  assert.equal(dials.length, 15 + 99)
  for (const dial of dials.slice(15)) dial.connect()
  assert.deepEqual(
    heard,
    names.map((name, i) => `${name}: ${14 + i}`),
  )
  ask('later')
  dials.at(-1)!.connect()
  pass(10 * PROBE_MS)
  assert.equal(dials.length, 115, 'nobody looks for an app that is there')
})

test('each waits for its own time, its dial included, and then hears what is wrong by now', () => {
  const { dials, heard, ask } = patient()
  ask('a')
  pass(300)
  dials[0]!.fail('absent', 'first')
  ask('b')
  pass(PROBE_MS)
  dials[1]!.fail('absent', 'second')
  pass(WAIT_MS - 300 - 2 * PROBE_MS)
  assert.deepEqual(heard, [])
  pass(PROBE_MS)
  assert.deepEqual(heard, ['a: second'])
  pass(300 - PROBE_MS)
  assert.deepEqual(heard, ['a: second'])
  pass(PROBE_MS)
  assert.deepEqual(heard, ['a: second', 'b: second'])
})

test('a dial that took longer than one may wait is not followed by a wait', () => {
  const { dials, heard, ask } = patient()
  ask('a')
  pass(WAIT_MS)
  dials[0]!.fail('absent')
  assert.deepEqual(heard, ['a: absent'])
})

test('a look that never ends keeps nobody longer', () => {
  const { dials, heard, ask } = patient()
  ask('a')
  dials[0]!.fail('absent')
  pass(PROBE_MS)
  pass(WAIT_MS)
  assert.deepEqual(heard, ['a: absent'])
  assert.ok(dials[1]!.over, 'nobody waits for it any more')
})

test('1,024 may wait; the next one hears at once what is wrong, and again there is room when somebody has left', () => {
  const { dials, heard, ask } = patient()
  const leave = ask('first')
  dials[0]!.fail('absent')
  for (let i = 1; i < 1_024; i++) ask(`caller ${i}`)
  ask('too many')
  assert.deepEqual(heard, ['too many: absent'])
  leave()
  ask('in time')
  assert.deepEqual(heard, ['too many: absent'])
})

test('with no time to wait everything fails at once', () => {
  const { dials, heard, ask } = patient(0)
  ask('a')
  dials[0]!.fail('absent')
  ask('b')
  dials[1]!.fail('cut')
  ask('c', 'broken')
  assert.deepEqual(heard, ['a: absent', 'b: cut', 'c: broken'])
  pass(10 * PROBE_MS)
  assert.equal(dials.length, 2)
})

test('whoever gives up hears nothing; when nobody is left, nobody looks for the app', () => {
  const { dials, heard, ask } = patient()
  const leaves = [ask('a'), ask('b'), ask('c')]
  dials[0]!.fail('absent')
  dials[1]!.fail('absent')
  leaves[2]!()
  assert.ok(dials[2]!.over, 'its own dial ends')
  pass(PROBE_MS)
  leaves[0]!()
  assert.ok(!dials[3]!.over)
  leaves[1]!()
  assert.ok(dials[3]!.over)
  pass(2 * WAIT_MS)
  assert.deepEqual([heard, dials.length], [[], 4])
  ask('d')
  assert.equal(dials.length, 5, 'the next one looks for itself')
})

test('close() ends the looking', () => {
  const { dialer, dials, heard, ask } = patient()
  ask('a')
  dials[0]!.fail('absent')
  pass(PROBE_MS)
  dialer.close()
  assert.ok(dials[1]!.over)
  pass(2 * WAIT_MS)
  assert.deepEqual([heard, dials.length], [[], 2])
})

test('for what time does not mend nobody waits, whether it comes first or later', () => {
  const { dials, heard, ask } = patient()
  ask('a')
  dials[0]!.fail('lasting', 'not allowed')
  assert.deepEqual(heard, ['a: not allowed'])
  ask('b')
  dials[1]!.fail('absent')
  ask('c')
  pass(PROBE_MS)
  dials[2]!.fail('lasting', 'not trusted')
  assert.deepEqual(heard.slice(1), ['b: not trusted', 'c: not trusted'])
  ask('d')
  assert.equal(dials.length, 4)
})

for (const [what, begin] of [
  ['whose connection broke', ({ ask }) => void ask('a', 'broken')],
  [
    'whose dial was cut off',
    ({ ask, dials }) => {
      ask('a')
      dials[0]!.fail('cut', 'broken')
    },
  ],
] as Array<[string, (world: ReturnType<typeof patient>) => void]>) {
  test(`one ${what} waits if the app is away`, () => {
    const world = patient()
    const { dials, heard, ask } = world
    begin(world)
    const begun = dials.length
    ask('other')
    assert.equal(dials.length, begun + 1, 'as far as anybody knows the app is there')
    dials[begun]!.connect()
    pass(PROBE_MS)
    dials[begun + 1]!.fail('absent')
    pass(PROBE_MS)
    dials[begun + 2]!.connect()
    assert.deepEqual(heard, [`other: ${begun}`, `a: ${begun + 2}`])
  })

  test(`one ${what} hears so from an app that is there, and the others go on`, () => {
    const world = patient()
    const { dials, heard, ask } = world
    begin(world)
    const begun = dials.length
    pass(PROBE_MS)
    dials[begun]!.connect()
    assert.deepEqual(heard, ['a: broken'])
    assert.ok(dials[begun]!.socket.destroyed, 'nobody uses it')
    ask('next')
    assert.equal(dials.length, begun + 2)
  })
}

test('an app that is back for a moment only keeps nobody from waiting on, each in its place', () => {
  const { dials, heard, ask } = patient()
  ask('a')
  dials[0]!.fail('absent')
  pass(10)
  ask('b')
  pass(10)
  ask('c')
  pass(PROBE_MS)
  dials[1]!.connect()
  pass(10)
  ask('d')
  for (const i of [4, 3, 2]) dials[i]!.fail('absent')
  pass(2 * PROBE_MS)
  dials.at(-1)!.connect()
  for (const dial of dials.slice(6)) dial.connect()
  assert.deepEqual(heard, ['a: 1', 'b: 5', 'c: 6', 'd: 7'])
})

const step = fc.oneof(
  fc.record({ kind: fc.constant('ask' as const), broken: fc.boolean() }),
  fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400 }) }),
  fc.record({
    kind: fc.constant('settle' as const),
    which: fc.nat(),
    how: fc.constantFrom('connect', 'absent', 'absent', 'cut', 'lasting'),
  }),
)

test('whatever happens in whatever order, each caller hears one thing, in time, unless it has left', () => {
  const check = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const { heard, dials, ask, open } = patient()
    const callers: Array<{ leave: () => void; left: boolean }> = []
    const answersOf = (i: number) => heard.filter((line) => line.startsWith(`${i}: `)).length
    for (const each of steps) {
      const settling = each.kind === 'settle' ? open()[each.which % Math.max(1, open().length)] : undefined
      const leaving = each.kind === 'leave' ? callers[each.which % Math.max(1, callers.length)] : undefined
      if (each.kind === 'ask') {
        const leave = ask(String(callers.length), each.broken ? 'broken' : undefined)
        callers.push({ leave, left: false })
      } else if (leaving !== undefined && answersOf(callers.indexOf(leaving)) === 0) {
        leaving.left = true
        leaving.leave()
      } else if (each.kind === 'pass') pass(each.ms)
      else if (settling !== undefined && each.kind === 'settle') {
        if (each.how === 'connect') settling.connect()
        else settling.fail(each.how as FailureKind)
      }
      // Everybody has a dial, or is in the line with one dial for all.
      const unanswered = callers.filter(({ left }, i) => !left && answersOf(i) === 0)
      assert.ok(open().length <= unanswered.length + 1)
    }
    for (const dial of open()) dial.fail('absent')
    pass(WAIT_MS + PROBE_MS)
    callers.forEach(({ left }, i) => {
      assert.equal(answersOf(i), left ? 0 : 1, heard.join('\n'))
    })
    assert.deepEqual(open(), [], 'nobody waits, and nobody looks')
    const connections = dials.filter(({ connected, socket }) => connected && !socket.destroyed)
    assert.equal(connections.length, heard.filter((line) => /: \d+$/.test(line)).length, 'each is used by one caller')
  })
  fc.assert(check)
})
