import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Circumstances, describe } from '../report/circumstances.js'
import { markdownTable, number } from '../report/table.js'
import type { Outcome } from './measure.js'
import type { Tally } from './scene.js'

const PAGE = fileURLToPath(new URL('../../../docs/security.md', import.meta.url))
const BEGIN = '<!-- survival: written by npm run bench:survival -- --write -->'
const END = '<!-- survival: end -->'
const MEBIBYTE = 1 << 20

const headings = [
  'attack',
  'what the attackers got',
  'time (s)',
  'bystander: failed of all',
  'requests/s before → during → after',
  'p99 before → during (ms)',
  'server memory before → peak → after (MiB)',
  'open files before → peak → after',
  'survived',
]

export function survivalTable(outcomes: Outcome[]): string {
  return markdownTable([headings, ...outcomes.map(row)])
}

/** Put the table, and what it depends on, between the markers of docs/security.md. */
export function writeSurvival(about: Circumstances, command: string, outcomes: Outcome[]): void {
  const page = readFileSync(PAGE, 'utf8')
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has lost its markers ${BEGIN} … ${END}`)
  const block = `${BEGIN}\n\n\`${command}\`: ${describe(about)}.\n\n${survivalTable(outcomes)}\n\n`
  writeFileSync(PAGE, page.slice(0, begin) + block + page.slice(end))
}

function row({ attack, count, tally, seconds, bystander, memory, files, survived }: Outcome): string[] {
  const { before, during, after } = bystander
  const all = [before, during, after]
  const failed = all.reduce((sum, { errors }) => sum + errors, 0)
  const rate = ({ count, seconds }: { count: number; seconds: number }) => count / seconds
  return [
    `**${attack.name}**: ${count.toLocaleString('en-US')} ${attack.title}`,
    inWords(tally),
    number(seconds),
    `${failed} of ${all.reduce((sum, each) => sum + each.count, failed).toLocaleString('en-US')}`,
    `${all.map((each) => number(rate(each))).join(' → ')} (${number(rate(during) / rate(before))}×)`,
    `${number(before.p99Ms)} → ${number(during.p99Ms)}`,
    [memory.before, memory.peak, memory.after].map((bytes) => Math.round(bytes / MEBIBYTE)).join(' → '),
    [files.before, files.peak, files.after].join(' → '),
    survived ? 'yes' : '**no**',
  ]
}

function inWords(tally: Tally): string {
  return Object.entries(tally)
    .map(([outcome, times]) => `${outcome}: ${times.toLocaleString('en-US')}`)
    .join(', ')
}
