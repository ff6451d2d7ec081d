import { setTimeout as sleep } from 'node:timers/promises'
import { canMeasureProcesses, forgetPeak, memoryBytes } from '../process/usage.js'
import type { Running } from '../targets/target.js'
import type { Sample, Workload } from './workload.js'

const MEBIBYTE = 1 << 20
const SETTLE_MS = 1_000
/** Slower than any target, so that all of them have to hold back. In bytes per second. */
const SLOW_READER = 100 * MEBIBYTE

/** Of a fresh instance: before any traffic, and at most while bytes go to a visitor who reads them slowly. */
export const memory: Workload = {
  name: 'memory',
  title: 'Memory, idle and with a slow reader',
  metrics: ['proxy', 'server', 'agent'].flatMap((role) => [
    { key: `${role}-idle`, label: `${role}, idle`, unit: 'MiB' },
    { key: `${role}-peak`, label: `${role}, peak`, unit: 'MiB' },
  ]),
  fresh: true,
  warmUp: false,
  maxRounds: 1,
  async measure({ running, startFresh, loads, plan }) {
    if (!canMeasureProcesses || running.parts.length === 0) return {}
    const fresh = await startFresh()
    try {
      await sleep(SETTLE_MS)
      const idle = each(fresh, 'idle', 'VmRSS')
      for (const { child } of fresh.parts) forgetPeak(child.pid)
      const carried = await loads.download({
        ...fresh.address,
        streams: 1,
        bytes: plan.bytes,
        bytesPerSecond: SLOW_READER,
      })
      if (carried.errors > 0) throw new Error(`the slow reader got ${carried.bytes} of ${plan.bytes} bytes`)
      return { ...idle, ...each(fresh, 'peak', 'VmHWM') }
    } finally {
      await fresh.stop()
    }
  },
}

function each(running: Running, when: string, which: 'VmRSS' | 'VmHWM'): Sample {
  return Object.fromEntries(
    running.parts.map(({ role, child }) => [`${role}-${when}`, memoryBytes(child.pid, which) / MEBIBYTE]),
  )
}
