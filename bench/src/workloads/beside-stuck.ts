import { setTimeout as sleep } from 'node:timers/promises'
import { forgetPeak, memoryBytes } from '../process/usage.js'
import type { Part } from '../targets/target.js'
import type { Workload } from './workload.js'

const CONNECTIONS = 10
const SETTLE_MS = 500
const MEBIBYTE = 1 << 20

/** Small requests while visitors ask for endless downloads and read nothing. Of a fresh instance, whose memory has held nothing else. */
export function besideStuck(stuck: number): Workload {
  return {
    name: `beside-stuck-${stuck}`,
    title: `1 KiB GET over ${CONNECTIONS} connections beside ${stuck} stuck readers`,
    metrics: [
      { key: 'rate', label: 'requests', unit: '/s' },
      { key: 'share', label: 'share of its own rate without them', unit: '×' },
      { key: 'p99', label: 'p99', unit: 'ms' },
      { key: 'growth', label: 'growth of memory, all processes', unit: 'MiB' },
      { key: 'errors', label: 'errors', unit: '' },
    ],
    fresh: true,
    warmUp: false,
    long: true,
    async measure({ startFresh, loads, plan }) {
      const fresh = await startFresh()
      try {
        const job = { ...fresh.address, path: '/1k', connections: CONNECTIONS, seconds: plan.seconds }
        await loads.requests(job) // so that compilers are warm
        const idle = await loads.requests(job)
        const before = memory(fresh.parts, 'VmRSS')
        for (const { child } of fresh.parts) forgetPeak(child.pid)
        const endStuck = loads.background({ ...fresh.address, downloads: 0, stuck })
        await sleep(SETTLE_MS)
        const busy = await loads.requests(job)
        const growth = memory(fresh.parts, 'VmHWM') - before
        const { errors } = await endStuck()
        const rate = busy.count / busy.seconds
        return {
          rate,
          share: rate / (idle.count / idle.seconds),
          p99: busy.p99Ms,
          ...(fresh.parts.length > 0 && { growth: growth / MEBIBYTE }),
          errors: idle.errors + busy.errors + errors,
        }
      } finally {
        await fresh.stop()
      }
    },
  }
}

function memory(parts: Part[], which: 'VmRSS' | 'VmHWM'): number {
  return parts.reduce((sum, { child }) => sum + memoryBytes(child.pid, which), 0)
}
