import { canMeasureProcesses, cpuSeconds } from '../process/usage.js'
import type { Running } from '../targets/target.js'
import type { Metric, Sample } from './workload.js'

/** What the parts of a target used while `work` ran, in seconds; none where there are no parts or no way to know. */
export async function withCpu<Result>(running: Running, work: () => Promise<Result>): Promise<[Result, Sample]> {
  const before = running.parts.map(({ child }) => cpuSeconds(child.pid))
  const result = await work()
  if (!canMeasureProcesses || running.parts.length === 0) return [result, {}]
  const used: Sample = { cpu: 0 }
  running.parts.forEach(({ role, child }, index) => {
    const seconds = cpuSeconds(child.pid) - (before[index] ?? 0)
    used.cpu = (used.cpu ?? 0) + seconds
    if (role !== 'proxy') used[`cpu-${role}`] = seconds
  })
  return [result, used]
}

/** The same per unit of work. */
export function perUnit(used: Sample, units: number): Sample {
  return Object.fromEntries(Object.entries(used).map(([key, seconds]) => [key, seconds / units]))
}

export function cpuMetrics(unit: string, parts = true): Metric[] {
  const all = [
    { key: 'cpu', label: 'CPU, all processes', unit },
    { key: 'cpu-server', label: '… server', unit },
    { key: 'cpu-agent', label: '… agent', unit },
  ]
  return parts ? all : all.slice(0, 1)
}
