import { setTimeout as sleep } from 'node:timers/promises'
import { canMeasureProcesses, memoryBytes } from '../process/usage.js'
import type { Workload } from './workload.js'

const MEBIBYTE = 1 << 20
const SETTLE_MS = 3_000
const PER = 1_000

/** What tunnels cost that nobody visits, each with a link and a session of its own; their agents are in one process that uses our library. */
export function idleTunnels(count: number): Workload {
  return {
    name: 'idle-tunnels',
    title: `${count.toLocaleString('en-US')} idle tunnels`,
    metrics: [
      { key: 'server', label: 'server, per 1,000 tunnels', unit: 'MiB' },
      { key: 'agent', label: 'agents in one process, per 1,000 tunnels', unit: 'MiB' },
      { key: 'total', label: 'server, with all of them', unit: 'MiB' },
      { key: 'errors', label: 'errors', unit: '' },
    ],
    fresh: true,
    warmUp: false,
    long: true,
    maxRounds: 1,
    targets: ['ours'],
    async measure({ startFresh, loads }) {
      if (!canMeasureProcesses) return {}
      const limit = String(2 * count)
      const fresh = await startFresh(['--max-sessions-per-account', limit, '--max-tunnels-per-account', limit])
      try {
        const pid = fresh.parts.find(({ role }) => role === 'server')!.child.pid
        await sleep(SETTLE_MS)
        const before = memoryBytes(pid, 'VmRSS')
        const end = await loads.tunnels({ ...fresh.address, count })
        await sleep(SETTLE_MS)
        const after = memoryBytes(pid, 'VmRSS')
        const { errors, firstBytes, allBytes } = await end()
        const scale = PER / count / MEBIBYTE
        return {
          server: (after - before) * scale,
          agent: (allBytes - firstBytes) * scale,
          total: after / MEBIBYTE,
          errors,
        }
      } finally {
        await fresh.stop()
      }
    },
  }
}
