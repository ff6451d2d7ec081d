import { LOOPBACK } from '../process/ports.js'
import type { Address, Answers } from './job.js'

const UNIT_MS: Record<string, number> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 }

/** Arguments for the same load as `requests`. */
export function wrkArguments(job: Address & { path: string; connections: number; seconds: number }): string[] {
  const url = `http://${job.ip ?? LOOPBACK}:${job.port}${job.path}`
  const counts = ['-t1', `-c${job.connections}`, `-d${Math.max(1, Math.round(job.seconds))}s`]
  return [...counts, '--latency', '-H', `Host: ${job.host}`, url]
}

/** Throws when it is not what wrk prints. */
export function readWrk(output: string): Answers {
  const [, total, time] = /(\d+) requests in ([\d.]+(?:us|ms|s|m)),/.exec(output) ?? []
  if (total === undefined || time === undefined) throw new Error(`wrk printed something else: ${output}`)
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1] ?? 0)
  const broken = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(output)?.slice(1) ?? []
  return {
    count: Number(total) - refused,
    seconds: milliseconds(time) / 1_000,
    p50Ms: milliseconds(/\s50%\s+(\S+)/.exec(output)?.[1]),
    p99Ms: milliseconds(/\s99%\s+(\S+)/.exec(output)?.[1]),
    errors: broken.reduce((sum, each) => sum + Number(each), refused),
  }
}

function milliseconds(text = ''): number {
  const [, value, unit = ''] = /^([\d.]+)(us|ms|s|m)$/.exec(text) ?? []
  return Number(value) * (UNIT_MS[unit] ?? Number.NaN)
}
