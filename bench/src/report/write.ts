import { appendFileSync, existsSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Circumstances } from './circumstances.js'
import { describe } from './circumstances.js'
import type { Outcome } from './figures.js'
import { type Verdict, verdictTable } from './floors.js'
import { table } from './table.js'

const RESULTS = fileURLToPath(new URL('../../results.md', import.meta.url))
const TITLE = `# Results

Each run of \`npm run bench -- --write\`, the newest last. Median (least–most), and in bold the multiple of the anchor:
nginx where it has the figure, else the app alone, else \`ssh -R\`. README.md says what each figure means.
`

/** What a run was, for whoever reads it later. */
export interface Report {
  about: Circumstances
  /** As it was typed. */
  command: string
  /** Rounds, seconds and bytes in words. */
  extent: string
  outcomes: Outcome[]
  verdicts: Verdict[]
  /** What was skipped and what failed. */
  notes: string[]
}

export function appendResults({ about, command, extent, outcomes, verdicts, notes }: Report): void {
  if (!existsSync(RESULTS)) writeFileSync(RESULTS, TITLE)
  const lines = [
    `\n## ${about.date.slice(0, 10)}, ${about.commit}\n`,
    `\`${command}\`: ${describe(about)}; ${extent}.\n`,
  ]
  for (const note of notes) lines.push(`- ${note}`)
  if (notes.length > 0) lines.push('')
  if (verdicts.length > 0) lines.push(`### Must reach\n\n${verdictTable(verdicts)}\n`)
  appendFileSync(RESULTS, `${lines.join('\n')}\n${outcomes.map((outcome) => table(outcome)).join('\n')}`)
}

export function writeJson(path: string, report: Report): void {
  writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`)
}
