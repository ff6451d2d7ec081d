import { existsSync, renameSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { untilTrue } from '../process/ports.js'
import { ensureProgram, run } from '../process/programs.js'
import { FAR_CARD, type LineKind, NEAR_CARD } from './line.js'
import { shellHere } from './namespace.js'
import { BYTES_PER_SECOND, FRAMING_BYTES, queueBytes } from './path.js'

const SOURCE = fileURLToPath(new URL('../../src/path/line.c', import.meta.url))
const PROGRAM = fileURLToPath(new URL('line', import.meta.url))

/** What is lost follows from it, and from how many packets there were before. */
const SEED = 1
/** Packets, or bundles of them, that a card holds until the program reads them: more than come while it does something else. */
const CARD_QUEUE = 10_000

/** What `line` says of one direction. */
interface Carried {
  packets: number
  lost: number
  /** They found the queue full. */
  overflowed: number
  /** The card at the other end did not take them. */
  refused: number
  busiestSecondBytes: number
  /** What came out came out so much later than it should have, on average. */
  lateMs: number
}

/** A program of ours, line.c, that packets go through. It needs a C compiler. */
export const packetLine: LineKind = {
  name: 'a line of our own',
  async missing() {
    if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun'
    if ((await ensureProgram('cc', 'gcc', 'libc6-dev')) === undefined) return 'there is no C compiler (cc)'
    try {
      await build()
      return undefined
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return `line.c can't be compiled: ${message.split('\n', 2).join(': ')}`
    }
  },
  async lay(stage, far, { roundTripMs, loss }) {
    await build()
    const line = stage.start('line', PROGRAM, [
      ...[NEAR_CARD, FAR_CARD, far.file],
      ...[roundTripMs / 2, BYTES_PER_SECOND, FRAMING_BYTES, queueBytes(roundTripMs), loss, SEED].map(String),
    ])
    await untilTrue(line, 'make its two cards', async () => line.stdout !== '')
    await shellHere(`ip link set ${NEAR_CARD} txqueuelen ${CARD_QUEUE}`)
    await far.shell(`ip link set ${FAR_CARD} txqueuelen ${CARD_QUEUE}`)
    return {
      async end() {
        if (!line.running) throw new Error(`the line broke: ${line.lastWords}`)
        await line.stop()
        const { there, back } = JSON.parse(line.stdout.replace('ready', '')) as { there: Carried; back: Carried }
        return `there ${inWords(there)}; back ${inWords(back)}`
      },
    }
  },
}

/** Compiles the program unless it is as new as its source. */
async function build(): Promise<void> {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return
  // Somebody else may be about to start it.
  const fresh = `${PROGRAM}-${process.pid}`
  await run('cc', ['-O2', '-o', fresh, SOURCE])
  renameSync(fresh, PROGRAM)
}

function inWords({ packets, lost, overflowed, refused, busiestSecondBytes, lateMs }: Carried): string {
  const share = ((lost / Math.max(1, packets)) * 100).toFixed(2)
  return [
    `${packets.toLocaleString('en-US')} packets`,
    `${share} % lost`,
    ...(overflowed > 0 ? [`${overflowed.toLocaleString('en-US')} more for want of room`] : []),
    ...(refused > 0 ? [`${refused.toLocaleString('en-US')} not taken at the other end`] : []),
    `${Math.round((busiestSecondBytes * 8) / 1e6)} Mbit in the busiest second`,
    `${lateMs.toFixed(2)} ms late on average`,
  ].join(', ')
}
