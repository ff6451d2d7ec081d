import { readFileSync } from 'node:fs'

function field(pid: number, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match![1]) / 1024
}

/** Resident memory right now, in MiB (Linux). */
export function memoryMiB(pid: number): number {
  return field(pid, 'VmRSS')
}

/** Largest resident memory so far, in MiB (Linux). */
export function peakMemoryMiB(pid: number): number {
  return field(pid, 'VmHWM')
}

export const canMeasureMemory = process.platform === 'linux'
