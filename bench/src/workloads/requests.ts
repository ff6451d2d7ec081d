import { cpuMetrics, perUnit, withCpu } from './cpu.js'
import type { Workload } from './workload.js'

const MICROSECONDS = 1e6

/** 1 KiB GET over connections that each ask again as soon as they are answered. */
export function requests(connections: number): Workload {
  return {
    name: `get-${connections}`,
    title: `1 KiB GET, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    metrics: [
      { key: 'rate', label: 'requests', unit: '/s' },
      { key: 'p50', label: 'p50', unit: 'ms' },
      { key: 'p99', label: 'p99', unit: 'ms' },
      ...cpuMetrics('µs/request'),
      { key: 'errors', label: 'errors', unit: '' },
    ],
    warmUp: true,
    unit: 'request',
    async measure({ running, loads, plan }) {
      const [answers, used] = await withCpu(running, () =>
        loads.requests({ ...running.address, path: '/1k', connections, seconds: plan.seconds }),
      )
      return {
        rate: answers.count / answers.seconds,
        p50: answers.p50Ms,
        p99: answers.p99Ms,
        errors: answers.errors,
        units: answers.count,
        ...perUnit(used, answers.count / MICROSECONDS),
      }
    },
  }
}
