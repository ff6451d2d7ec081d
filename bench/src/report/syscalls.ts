import type { Syscalls } from '../process/syscalls.js'
import type { SyscallCount } from './figures.js'
import { markdownTable, number } from './table.js'

/** A call that is rarer than this share of the most frequent one tells nothing. */
const LEAST_SHARE = 0.01

export function syscallTable({ unit, calls }: SyscallCount): string {
  const columns = Object.keys(calls)
  const most: Syscalls = {}
  for (const each of Object.values(calls)) {
    for (const [name, count] of Object.entries(each)) most[name] = Math.max(most[name] ?? 0, count)
  }
  const names = Object.keys(most).sort((a, b) => most[b]! - most[a]!)
  const shown = names.filter((name) => most[name]! >= most[names[0]!]! * LEAST_SHARE)
  const cell = (count: number | undefined) => (count === undefined ? '–' : number(count))
  const all = (each: Syscalls) => Object.values(each).reduce((sum, count) => sum + count, 0)
  return markdownTable([
    [`system calls per ${unit}`, ...columns],
    ['all', ...columns.map((column) => number(all(calls[column]!)))],
    ...shown.map((name) => [name, ...columns.map((column) => cell(calls[column]![name]))]),
  ])
}
