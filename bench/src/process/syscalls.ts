import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { untilTrue } from './ports.js'
import type { Stage } from './stage.js'
import { descendants } from './usage.js'

/** Calls by their name. */
export type Syscalls = Record<string, number>

/** Counts the calls of a process, its threads and those it has started, until the returned function is called. It slows them down several times over. */
export async function countSyscalls(stage: Stage, pid: number): Promise<() => Promise<Syscalls>> {
  const file = join(stage.tempDir(), 'calls')
  const attached = [pid, ...descendants(pid)].flatMap((each) => ['-p', String(each)])
  const strace = stage.start('strace', 'strace', ['-c', '-f', '-o', file, ...attached])
  await untilTrue(strace, 'attach itself', async () => strace.stderr.includes('attached'))
  return async () => {
    strace.signal('SIGINT')
    await strace.ended
    return readCalls(readFileSync(file, 'utf8'))
  }
}

/** Reads the table of `strace -c`. The columns after the number of calls differ by whether any failed. */
export function readCalls(table: string): Syscalls {
  const calls: Syscalls = {}
  for (const line of table.split('\n')) {
    const [, count, name] = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?([a-z]\w*)$/.exec(line) ?? []
    if (count !== undefined && name !== undefined && name !== 'total') calls[name] = Number(count)
  }
  return calls
}
