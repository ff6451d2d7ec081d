import { canMeasureProcesses, memoryBytes } from '../process/usage.js'
import type { Workload } from './workload.js'

const MEBIBYTE = 1 << 20

/** No traffic of its own: the most that each process has held under all that came before it in the run. */
export const peak: Workload = {
  name: 'peak',
  title: 'Memory, at most under all of the above',
  metrics: ['proxy', 'server', 'agent'].map((role) => ({ key: role, label: role, unit: 'MiB' })),
  warmUp: false,
  maxRounds: 1,
  async measure({ running }) {
    if (!canMeasureProcesses) return {}
    return Object.fromEntries(
      running.parts.map(({ role, child }) => [role, memoryBytes(child.pid, 'VmHWM') / MEBIBYTE]),
    )
  },
}
