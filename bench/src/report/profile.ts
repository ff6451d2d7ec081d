import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const SHOWN = 25

interface Profile {
  nodes: Array<{ id: number; callFrame: { functionName: string; url: string; lineNumber: number } }>
  samples: number[]
  timeDeltas: number[]
}

/** The functions in which a process spent its time, most first, for each profile in a folder. Idle time does not count. */
export function topFunctions(dir: string): string {
  const files = readdirSync(dir).filter((name) => name.endsWith('.cpuprofile'))
  return files
    .map((name) => `${name}\n${top(JSON.parse(readFileSync(join(dir, name), 'utf8')) as Profile)}\n`)
    .join('\n')
}

function top({ nodes, samples, timeDeltas }: Profile): string {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => [
      id,
      `${functionName || '(anonymous)'}${url === '' ? '' : ` ${url.split('/').slice(-3).join('/')}:${lineNumber + 1}`}`,
    ]),
  )
  const times = new Map<string, number>()
  let total = 0
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '?'
    if (name === '(idle)') return
    const time = timeDeltas[index] ?? 0
    total += time
    times.set(name, (times.get(name) ?? 0) + time)
  })
  const sorted = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN)
  return sorted.map(([name, time]) => `${((time / total) * 100).toFixed(1).padStart(5)} %  ${name}`).join('\n')
}
