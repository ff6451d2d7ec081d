import { type Figure, figure, ratio } from './figures.js'
import { writeBetween } from './page.js'
import { number } from './table.js'
import type { Report } from './write.js'

const BEGIN = '<!-- speed: written by npm run bench -- --write -->'
const END = '<!-- speed: end -->'
const ANCHOR = 'nginx'
const PRODUCT = 'ours'

interface Row {
  what: string
  workload: string
  metric: string
  /** What follows the figure. */
  unit: string
}

const rows: Row[] = [
  { what: 'CPU of all processes per 1 KiB request, 50 connections', workload: 'get-50', metric: 'cpu', unit: ' µs' },
  { what: 'requests/s, 50 connections', workload: 'get-50', metric: 'rate', unit: '' },
  { what: 'p50 with one connection', workload: 'get-1', metric: 'p50', unit: ' ms' },
  { what: 'download, 8 streams', workload: 'download-8', metric: 'rate', unit: ' MB/s' },
  { what: 'upload, 8 streams', workload: 'upload-8', metric: 'rate', unit: ' MB/s' },
  { what: 'WebSocket echo, 100 sockets × 8', workload: 'ws-100', metric: 'rate', unit: '/s' },
  {
    what: 'p99 of small requests beside 4 bulk downloads and a stuck reader',
    workload: 'beside-bulk-4',
    metric: 'p99',
    unit: ' ms',
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
  const missing: string[] = []
  const lines = rows.map(({ what, workload, metric, unit }) => {
    const outcome = outcomes.find((each) => each.workload === workload)
    const figures = [ANCHOR, PRODUCT].map((target) => outcome && figure(outcome, target, metric))
    const multiple = outcome && ratio(outcome, PRODUCT, ANCHOR, metric)
    if (outcome === undefined || multiple === undefined) {
      missing.push(workload)
      return ''
    }
    const cells = figures.map((each) => inUnit(each, unit))
    return `| ${[what, ...cells, `${multiple.median.toFixed(2)} ×`].join(' | ')} |`
  })
  const [memory, start] = ['memory', 'start'].map((name) => outcomes.find(({ workload }) => workload === name))
  if (memory === undefined) missing.push('memory')
  if (start === undefined) missing.push('start')
  if (memory === undefined || start === undefined || missing.length > 0) return { missing }
  const held = (target: string, role: string) => {
    const [idle, peak] = ['idle', 'peak'].map((when) => figure(memory, target, `${role}-${when}`))
    return `${round(idle)} → ${round(peak)}`
  }
  return [
    `| | ${ANCHOR} as a plain proxy | this tunnel | |`,
    '|---|---|---|---|',
    ...lines,
    `| memory, idle → peak with a slow download | ${held(ANCHOR, 'proxy')} MiB | server ${held(PRODUCT, 'server')}, agent ${held(PRODUCT, 'agent')} MiB | |`,
    `| start of \`tunnel\` to the first answer | | ${inUnit(figure(start, PRODUCT, 'time'), ' ms')} | |`,
    '',
    `\`${command}\` on ${about.date.slice(0, 10)}, commit ${about.commit}, ${about.cores} cores of ${about.cpu}, Node ${about.node}, everything on loopback, load included.`,
  ].join('\n')
}

function inUnit(value: Figure | undefined, unit: string): string {
  return value === undefined ? '–' : `${number(value.median)}${unit}`
}

function round(value: Figure | undefined): string {
  return value === undefined ? '–' : String(Math.round(value.median))
}
