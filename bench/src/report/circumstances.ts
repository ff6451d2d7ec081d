import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { fileURLToPath } from 'node:url'
import { run } from '../process/programs.js'

/** What figures depend on. */
export interface Circumstances {
  date: string
  commit: string
  cpu: string
  cores: number
  memoryGib: number
  system: string
  node: string
  /** Of the last minute, before the run: what else the machine was doing. */
  loadAverage: number
}

export async function circumstances(): Promise<Circumstances> {
  const processors = cpus()
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    commit: await commit(),
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGib: Math.round(totalmem() / (1 << 30)),
    system: `${type()} ${release()}`,
    node: process.version,
    loadAverage: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  }
}

export function describe(about: Circumstances): string {
  const { date, commit, cpu, cores, memoryGib, system, node, loadAverage } = about
  return `${date} UTC, commit ${commit}; ${cpu}, ${cores} cores, ${memoryGib} GiB, ${system}, Node ${node}; load average before the run ${loadAverage}`
}

/** Says so when the measured packages are not what was committed. */
async function commit(): Promise<string> {
  const cwd = fileURLToPath(new URL('../../..', import.meta.url))
  try {
    const head = await run('git', ['rev-parse', '--short', 'HEAD'], { cwd })
    const changes = await run('git', ['status', '--porcelain', '--', 'packages', 'bench/src'], { cwd })
    return `${head.stdout.trim()}${changes.stdout === '' ? '' : ' with changes'}`
  } catch {
    return 'unknown'
  }
}
