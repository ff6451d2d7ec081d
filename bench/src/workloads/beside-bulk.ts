import { setTimeout as sleep } from 'node:timers/promises'
import type { Workload } from './workload.js'

const CONNECTIONS = 10
const SETTLE_MS = 500

/** Small requests while others download without end and some visitors ask and never read. */
export function besideBulk(downloads: number, stuck: number, long = false): Workload {
  return {
    name: `beside-bulk-${downloads}`,
    title: `1 KiB GET over ${CONNECTIONS} connections beside ${downloads} bulk downloads and ${stuck} stuck reader${stuck === 1 ? '' : 's'}`,
    metrics: [
      { key: 'rate', label: 'requests', unit: '/s' },
      { key: 'p50', label: 'p50', unit: 'ms' },
      { key: 'p99', label: 'p99', unit: 'ms' },
      { key: 'idle-p99', label: 'p99 without bulk', unit: 'ms' },
      { key: 'slowdown', label: 'p99 with / without bulk', unit: '×' },
      { key: 'bulk', label: 'bulk speed meanwhile', unit: 'MB/s' },
      { key: 'errors', label: 'errors', unit: '' },
    ],
    warmUp: true,
    long,
    async measure({ running, loads, plan }) {
      const job = { ...running.address, path: '/1k', connections: CONNECTIONS, seconds: plan.seconds }
      const idle = await loads.requests(job)
      const endBulk = loads.background({ ...running.address, downloads, stuck })
      await sleep(SETTLE_MS)
      const asking = loads.requests(job)
      const busy = await asking.catch(() => undefined)
      const bulk = await endBulk()
      if (busy === undefined) return { errors: 1 + bulk.errors }
      return {
        rate: busy.count / busy.seconds,
        p50: busy.p50Ms,
        p99: busy.p99Ms,
        'idle-p99': idle.p99Ms,
        slowdown: busy.p99Ms / idle.p99Ms,
        bulk: bulk.bytes / bulk.seconds / 1e6,
        errors: idle.errors + busy.errors + bulk.errors,
      }
    },
  }
}
