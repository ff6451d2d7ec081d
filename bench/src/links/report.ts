import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { markdownTable, number } from '../report/table.js'
import type { Cuts } from './cuts.js'

const PAGE = fileURLToPath(new URL('../../links.md', import.meta.url))
const TITLE = `# Links

What lost links cost, and what it costs to be ready for them: \`npm run bench:links -- --write\` writes this page. README.md says what the figures mean.
`
const MEBIBYTE = 1 << 20

export function cutsTables({ marks, pausesMs, seconds }: Cuts): string {
  const at = (share: number) => pausesMs[Math.min(pausesMs.length - 1, Math.floor(pausesMs.length * share))]!
  const pause = [
    ['cuts', 'in all (s)', 'pause: median (ms)', 'p99 (ms)', 'longest (ms)'],
    [pausesMs.length.toLocaleString('en-US'), ...[seconds, at(0.5), at(0.99), pausesMs.at(-1)!].map(number)],
  ]
  const memory = [
    ['after cuts', 'server: resident (MiB)', 'heap (MiB)', 'agent: resident (MiB)', 'heap (MiB)'],
    ...marks.map(({ cuts, server, agent }) => [
      cuts.toLocaleString('en-US'),
      ...[server.resident, server.heap, agent.resident, agent.heap].map((bytes) => number(bytes / MEBIBYTE)),
    ]),
  ]
  return `### A link that is cut again and again\n\n${markdownTable(pause)}\n\n${markdownTable(memory)}\n`
}

export function writePage(about: string, parts: string[]): void {
  writeFileSync(PAGE, [TITLE, `${about}.\n`, ...parts].join('\n'))
}
