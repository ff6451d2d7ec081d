import { readdirSync, readFileSync, writeFileSync } from 'node:fs'

/** USER_HZ, the unit of the times in /proc: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** Only Linux tells what another process has used. */
export const canMeasureProcesses = process.platform === 'linux'

/** Processes started by `pid`, and by those, as of now. */
export function descendants(pid: number): number[] {
  if (!canMeasureProcesses || pid === 0) return []
  try {
    const threads = readdirSync(`/proc/${pid}/task`)
    const children = threads.flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' '),
    )
    return children.filter((child) => child !== '').flatMap((child) => [Number(child), ...descendants(Number(child))])
  } catch {
    return [] // it has ended
  }
}

/** User and system time of a process, all its threads, and the processes it has started. In seconds; a tick is 10 ms. */
export function cpuSeconds(pid: number): number {
  let ticks = 0
  for (const each of [pid, ...descendants(pid)]) {
    // The name in parentheses may hold spaces; utime and stime are fields 14 and 15, the 12th and 13th after it.
    const fields = read(each, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ')
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }
  return ticks / TICKS_PER_SECOND
}

/** The same of the threads that a process has at the moment, without those that it has started. In nanoseconds, without ticks; NaN where the kernel does not count so. */
export function cpuNanoseconds(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
      const [ran = ''] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')
      return sum + Number(ran)
    }, 0)
  } catch {
    return Number.NaN
  }
}

/** How often a process has called the kernel to read and to write, as read, write and their vectored kin: not recv, send or epoll_wait. NaN where the kernel does not count so. */
export function readsAndWrites(pid: number): { reads: number; writes: number } {
  const counted = read(pid, 'io')
  const count = (field: string) => Number(new RegExp(`^${field}: (\\d+)$`, 'm').exec(counted)?.[1] ?? Number.NaN)
  return { reads: count('syscr'), writes: count('syscw') }
}

export type Memory = 'VmRSS' | 'VmHWM'

/** What a process and those it has started hold now (VmRSS) or held at most (VmHWM). In bytes. */
export function memoryBytes(pid: number, which: Memory): number {
  let kibibytes = 0
  for (const each of [pid, ...descendants(pid)]) {
    kibibytes += Number(new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(read(each, 'status'))?.[1] ?? 0)
  }
  return kibibytes * 1_024
}

/** Files and connections that a process has open; 0 when it has ended. */
export function openFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length
  } catch {
    return 0
  }
}

/** From here on VmHWM counts anew. */
export function forgetPeak(pid: number): void {
  for (const each of [pid, ...descendants(pid)]) {
    try {
      writeFileSync(`/proc/${each}/clear_refs`, '5')
    } catch {} // not allowed here: then the peak since its start is what it is
  }
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return '' // it has ended
  }
}
