import type { Syscalls } from '../process/syscalls.js'
import type { Metric, Sample } from '../workloads/workload.js'

/** The samples of one workload: for each target one a round; undefined where measuring failed. */
export interface Outcome {
  workload: string
  title: string
  metrics: Metric[]
  samples: Record<string, Array<Sample | undefined>>
  /** With --syscalls. */
  syscalls?: SyscallCount
}

/** The calls of a workload, for each process by the unit of work. */
export interface SyscallCount {
  unit: string
  /** By target and role: `ours server`. */
  calls: Record<string, Syscalls>
}

export interface Figure {
  median: number
  min: number
  max: number
}

/** Over the rounds that have the figure; undefined when none has. */
export function figure(outcome: Outcome, target: string, key: string): Figure | undefined {
  return summary((outcome.samples[target] ?? []).map((sample) => sample?.[key]))
}

/**
 * The target's figure as a multiple of the anchor's: the median over the rounds of each round's ratio, because what
 * disturbs a round disturbs both.
 */
export function ratio(outcome: Outcome, target: string, anchor: string, key: string): Figure | undefined {
  const anchored = outcome.samples[anchor] ?? []
  return summary(
    (outcome.samples[target] ?? []).map((sample, round) => {
      const [value, base] = [sample?.[key], anchored[round]?.[key]]
      return value === undefined || base === undefined || base === 0 ? undefined : value / base
    }),
  )
}

/** What the others are compared with: the first of `anchors` that has the figure. */
export function anchorOf(outcome: Outcome, key: string, anchors: string[]): string | undefined {
  return anchors.find((anchor) => figure(outcome, anchor, key) !== undefined)
}

function summary(values: Array<number | undefined>): Figure | undefined {
  const sorted = values.filter((value) => value !== undefined && Number.isFinite(value)).sort((a, b) => a! - b!)
  const [min, max] = [sorted[0], sorted.at(-1)]
  if (min === undefined || max === undefined) return undefined
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return { min, max, median: (low! + high!) / 2 }
}
