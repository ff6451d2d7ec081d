import { findProgram, run } from '../process/programs.js'
import { FAR_CARD, type LineKind, NEAR_CARD } from './line.js'
import { type Namespace, shellHere } from './namespace.js'
import { BYTES_PER_SECOND, FRAMING_BYTES, MTU_BYTES, queueBytes, type Slowness } from './path.js'

/** What the kernel counts of the framing by itself: addresses and type. */
const COUNTED_BYTES = 14

/** The kernel's own. */
export const netem: LineKind = {
  name: 'tc netem',
  async missing() {
    if (findProgram('tc') === undefined) return 'tc is not installed'
    try {
      await run('unshare', ['--net', 'tc', 'qdisc', 'add', 'dev', 'lo', 'root', 'netem', 'delay', '1ms'])
      return undefined
    } catch {
      return 'the kernel has no tc netem'
    }
  },
  async lay(_stage, far: Namespace, slowness) {
    await shellHere(`ip link add ${NEAR_CARD} type veth peer name ${FAR_CARD} netns ${far.pid}`)
    await shellHere(slowDown(NEAR_CARD, slowness))
    await far.shell(slowDown(FAR_CARD, slowness))
    return {
      async end() {
        const there = await shellHere(`tc -s qdisc show dev ${NEAR_CARD}`)
        const back = await far.shell(`tc -s qdisc show dev ${FAR_CARD}`)
        await shellHere(`ip link del ${NEAR_CARD}`)
        return `there ${inWords(there)}; back ${inWords(back)}`
      },
    }
  },
}

/** Packets are single ones, as on a real line: of a bundle of 40 netem would lose all or none. */
function slowDown(card: string, { roundTripMs, loss }: Slowness): string {
  const rate = `rate ${BYTES_PER_SECOND * 8}bit ${FRAMING_BYTES - COUNTED_BYTES}`
  const onTheLine = (BYTES_PER_SECOND * roundTripMs) / 2_000
  const limit = Math.ceil((onTheLine + queueBytes(roundTripMs)) / (MTU_BYTES + FRAMING_BYTES))
  return `
ip link set ${card} gso_max_segs 1
tc qdisc add dev ${card} root netem delay ${roundTripMs / 2}ms loss ${loss * 100}% ${rate} limit ${limit}
`
}

/** Of ` Sent 150 bytes 3 pkt (dropped 1, overlimits 0 requeues 0)`. */
function inWords(statistics: string): string {
  const [, sent = 'unknown', dropped = 'unknown'] = / (\d+) pkt \(dropped (\d+)/.exec(statistics) ?? []
  return `packets: ${sent} sent, ${dropped} lost or without room`
}
