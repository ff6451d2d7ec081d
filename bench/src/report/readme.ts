import { figure, type Outcome, ratio } from './figures.js'
import { writeBetween } from './page.js'
import { number } from './table.js'
import type { Report } from './write.js'

const BEGIN = '<!-- speed: written by npm run bench -- --write -->'
const END = '<!-- speed: end -->'
const ANCHOR = 'nginx'
const PRODUCT = 'ours'

/** Of those that the run has not, there is no column. */
const columns = [
  { target: PRODUCT, title: '**this tunnel**' },
  { target: ANCHOR, title: 'nginx as a plain proxy' },
  { target: 'nginx-2', title: 'two of them in a row' },
  { target: 'ssh', title: '`ssh -R`' },
  { target: 'frp', title: 'frp (HTTP)' },
  { target: 'frp-tcp', title: 'frp (TCP)' },
  { target: 'localtunnel', title: 'localtunnel' },
]

interface Row {
  what: string
  workload: string
  /** What is measured of it; of several, as many as a target has are shown with a plus between. */
  metrics: string[]
  /** Has a multiple of the anchor; default true. */
  multiple?: boolean
}

const rows: Row[] = [
  { what: 'CPU of all processes per 1 KiB request, 50 connections (µs)', workload: 'get-50', metrics: ['cpu'] },
  { what: 'requests/s, 50 connections', workload: 'get-50', metrics: ['rate'] },
  { what: 'p50 with one connection (ms)', workload: 'get-1', metrics: ['p50'] },
  { what: 'download, 1 stream (MB/s)', workload: 'download-1', metrics: ['rate'] },
  { what: 'download, 8 streams (MB/s)', workload: 'download-8', metrics: ['rate'] },
  { what: 'upload, 1 stream (MB/s)', workload: 'upload-1', metrics: ['rate'] },
  { what: 'upload, 8 streams (MB/s)', workload: 'upload-8', metrics: ['rate'] },
  { what: 'WebSocket echo, 100 sockets × 8 (messages/s)', workload: 'ws-100', metrics: ['rate'] },
  {
    what: 'p99 of small requests beside 4 bulk downloads and a stuck reader (ms)',
    workload: 'beside-bulk-4',
    metrics: ['p99'],
  },
  {
    what: 'memory when idle, server + agent (MiB)',
    workload: 'memory',
    metrics: ['proxy-idle', 'server-idle', 'agent-idle'],
    multiple: false,
  },
  {
    what: 'from the start of the command to the first answer (ms)',
    workload: 'start',
    metrics: ['time'],
    multiple: false,
  },
]

/** The few figures of the README; the whole of a run goes into results.md. Returns why it was left as it is, or undefined. */
export function writeReadme(report: Report): string | undefined {
  const block = readmeBlock(report)
  if (typeof block !== 'string') return `README.md keeps its table: this run has no ${block.missing.join(', ')}`
  writeBetween('README.md', BEGIN, END, block)
  return undefined
}

/** A table of some of the figures would look as if it were all, so one that is missing is the end of it. */
export function readmeBlock({ about, command, outcomes }: Report): string | { missing: string[] } {
  const missing = new Set<string>()
  const shown = columns.filter(({ target }) => outcomes.some(({ samples }) => samples[target] !== undefined))
  const lines = rows.map(({ what, workload, metrics, multiple = true }) => {
    const outcome = outcomes.find((each) => each.workload === workload)
    const cells = shown.map(({ target }) => (outcome === undefined ? '' : cell(outcome, target, metrics)))
    const times = outcome && ratio(outcome, PRODUCT, ANCHOR, metrics[0]!)
    if (cells[0] === '' || (multiple && times === undefined)) missing.add(workload)
    if (multiple && times !== undefined) cells[0] += `, ${times.median.toFixed(2)} × nginx`
    return `| ${[what, ...cells].join(' | ')} |`
  })
  if (missing.size > 0) return { missing: [...missing] }
  return [
    `| | ${shown.map(({ title }) => title).join(' | ')} |`,
    `|---|${'---|'.repeat(shown.length)}`,
    ...lines,
    '',
    `\`${command}\` on ${about.date.slice(0, 10)}, commit ${about.commit}, ${about.cores} cores of ${about.cpu}, Node ${about.node}, everything on loopback, load included.`,
  ].join('\n')
}

/** Empty where the target has none of the figures. */
function cell(outcome: Outcome, target: string, metrics: string[]): string {
  return metrics
    .map((metric) => figure(outcome, target, metric))
    .filter((each) => each !== undefined)
    .map(({ median }) => number(median))
    .join(' + ')
}
