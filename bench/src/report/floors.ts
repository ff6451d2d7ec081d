import { figure, type Outcome, ratio } from './figures.js'
import { markdownTable, number } from './table.js'

/** One figure that the product must reach. */
export interface Floor {
  workload: string
  metric: string
  /** What it is a multiple of, in the same rounds; unless given, the figure itself counts. */
  anchor?: string
  atLeast?: number
  atMost?: number
}

const PRODUCT = 'ours'

export const floors: Floor[] = [
  { workload: 'get-50', metric: 'cpu', anchor: 'nginx', atMost: 2.5 },
  { workload: 'get-50', metric: 'cpu', anchor: 'ssh', atMost: 1.2 },
  // By name over HTTP, as ours; and a port per tunnel, where frp looks at nothing and is faster.
  ...['frp', 'frp-tcp'].map((anchor) => ({ workload: 'get-50', metric: 'cpu', anchor, atMost: 0.6 })),
  ...['get-50', 'get-200'].flatMap((workload) => [
    ...['frp', 'frp-tcp'].map((anchor) => ({ workload, metric: 'rate', anchor, atLeast: 1.5 })),
    { workload, metric: 'rate', anchor: 'localtunnel', atLeast: 4 },
    { workload, metric: 'rate', anchor: 'nginx', atLeast: 0.3 },
  ]),
  { workload: 'get-1', metric: 'p50', anchor: 'nginx', atMost: 2 },
  ...['download-1', 'download-8'].flatMap((workload) => [
    { workload, metric: 'rate', anchor: 'nginx', atLeast: 1 },
    { workload, metric: 'cpu', anchor: 'nginx', atMost: 2 },
  ]),
  { workload: 'upload-1', metric: 'rate', anchor: 'nginx', atLeast: 0.9 },
  { workload: 'upload-8', metric: 'rate', anchor: 'nginx', atLeast: 0.9 },
  { workload: 'upload-chunked-1', metric: 'rate', anchor: 'nginx', atLeast: 0.9 },
  { workload: 'ws-1', metric: 'rate', anchor: 'nginx', atLeast: 0.8 },
  { workload: 'ws-100', metric: 'rate', anchor: 'nginx', atLeast: 0.8 },
  { workload: 'ws-large', metric: 'rate', anchor: 'nginx', atLeast: 0.8 },
  { workload: 'beside-bulk-4', metric: 'p99', anchor: 'nginx', atMost: 1.5 },
  { workload: 'beside-bulk-4', metric: 'errors', atMost: 0 },
  { workload: 'beside-stuck-20', metric: 'share', atLeast: 0.8 },
  { workload: 'beside-stuck-20', metric: 'growth', atMost: 64 },
  { workload: 'memory', metric: 'server-idle', atMost: 90 },
  { workload: 'memory', metric: 'agent-idle', atMost: 80 },
  { workload: 'idle-tunnels', metric: 'server', atMost: 20 },
  // Bounded under every load: what grew with the bytes carried would be far beyond this.
  { workload: 'peak', metric: 'server', atMost: 256 },
  { workload: 'peak', metric: 'agent', atMost: 256 },
  { workload: 'start', metric: 'time', atMost: 250 },
  ...['down', 'up'].flatMap((metric) => [
    { workload: 'delay-100', metric, anchor: 'direct', atLeast: 0.8 },
    { workload: 'delay-100-loss', metric, anchor: 'ssh', atLeast: 1 },
  ]),
]

export interface Verdict {
  floor: Floor
  /** The workload and its figure in words. */
  what: string
  unit: string
  /** The median; undefined when the run did not yield it. */
  measured: number | undefined
  holds: boolean | undefined
}

/** On all floors whose workload was in the run. A figure of which the anchor is missing is not judged. */
export function judge(outcomes: Outcome[], all: Floor[] = floors): Verdict[] {
  return all.flatMap((floor): Verdict[] => {
    const outcome = outcomes.find(({ workload }) => workload === floor.workload)
    if (outcome === undefined) return []
    const { metric, anchor, atLeast = -Infinity, atMost = Infinity } = floor
    const value = anchor === undefined ? figure(outcome, PRODUCT, metric) : ratio(outcome, PRODUCT, anchor, metric)
    // An error in any round is one too many; of the rest the median counts.
    const measured = metric === 'errors' ? value?.max : value?.median
    const holds = measured === undefined ? undefined : measured >= atLeast && measured <= atMost
    const { label, unit } = outcome.metrics.find(({ key }) => key === metric)!
    return [{ floor, what: `${outcome.title}: ${label}`, unit, measured, holds }]
  })
}

export function verdictTable(verdicts: Verdict[]): string {
  const rows = verdicts.map(({ floor, what, unit, measured, holds }) => {
    const inUnit = (value: number) =>
      floor.anchor === undefined ? `${number(value)} ${unit}`.trim() : `${number(value)} × ${floor.anchor}`
    return [
      what,
      measured === undefined ? '–' : inUnit(measured),
      floor.atLeast === undefined ? `≤ ${inUnit(floor.atMost!)}` : `≥ ${inUnit(floor.atLeast)}`,
      holds === undefined ? 'not measured' : holds ? 'yes' : '**no**',
    ]
  })
  return markdownTable([['what', 'measured', 'must reach', 'holds'], ...rows])
}
