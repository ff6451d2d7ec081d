import { setTimeout as sleep } from 'node:timers/promises'
import type { Cutter } from '../support/cutter.js'
import { eventually } from '../support/process.js'

/** Breaks something. Resolves once the line carries bytes as before, or never stopped to. */
export type Fault = (cutter: Cutter) => Promise<void>

/** Numbers between 0 and 1 that look random and are the same in every run. */
function* dice(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    yield state / 2 ** 32
  }
}
const rolls = dice()
/** A whole number below `limit`. */
const roll = (limit: number) => Math.floor(rolls.next().value * limit)

/** Do this, and wait for another connection. */
async function redialled(cutter: Cutter, what: string, breakIt: () => void): Promise<void> {
  const { count } = cutter
  breakIt()
  await eventually(`the agent is back after ${what}`, () => cutter.count > count)
}

async function paced(cutter: Cutter, ms: number, pace: NonNullable<Cutter['pace']>): Promise<void> {
  cutter.pace = pace
  await sleep(ms)
  cutter.pace = undefined
}

/** Each with its share of the whole. */
export const faults: Array<[what: string, share: number, fault: Fault]> = [
  ['both ends reset', 30, (cutter) => redialled(cutter, 'a cut', () => cutter.cut())],
  ['reset inside a write', 20, (cutter) => redialled(cutter, 'a cut', () => cutter.cutAfter(roll(300_000)))],
  [
    'reset during the next handshakes too',
    10,
    async (cutter) => {
      // Request, answer, resume and resumed have a few hundred bytes together; then come those that are sent again.
      const handshakes = [roll(200), roll(700), roll(2_000)]
      for (const bytes of handshakes) cutter.cutNextAfter(bytes)
      const { count } = cutter
      cutter.cut()
      await eventually('the agent is back after several attempts', () => cutter.count > count + handshakes.length)
    },
  ],
  ['half-open, the agent knows', 6, (cutter) => redialled(cutter, 'half a cut', () => cutter.cutOneSide('agent'))],
  ['half-open, the server knows', 6, (cutter) => redialled(cutter, 'half a cut', () => cutter.cutOneSide('server'))],
  ['half-open, nobody knows', 6, (cutter) => redialled(cutter, 'silence', () => cutter.silence())],
  [
    'nobody to dial for a while',
    4,
    async (cutter) => {
      cutter.closed = true
      cutter.cut()
      await sleep(roll(300))
      const { count } = cutter
      cutter.closed = false
      await eventually('the agent is back', () => cutter.count > count)
    },
  ],
  [
    'stalled, then on',
    8,
    async (cutter) => {
      cutter.stalled = true
      await sleep(50 + roll(300))
      cutter.stalled = false
    },
  ],
  ['delayed, each direction by its own time', 6, (cutter) => paced(cutter, 300, { delayMs: () => roll(40) })],
  ['throttled', 4, (cutter) => paced(cutter, 300, { bytesPerSecond: 20_000_000 })],
]

/** So many faults, of all kinds in their shares, mixed. */
export function schedule(count: number): Array<[what: string, fault: Fault]> {
  const shares = faults.flatMap(([what, share, fault]) => Array.from({ length: share }, () => [what, fault] as const))
  const mixed = shares
    .map((each) => [rolls.next().value, each] as const)
    .sort(([a], [b]) => a - b)
    .map(([, [what, fault]]): [string, Fault] => [what, fault])
  return Array.from({ length: count }, (_, i) => mixed[i % mixed.length]!)
}
