import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { root } from '../support/world.js'
import type { Score, Suite } from './suite.js'

const RESULTS = join(root, 'docs/conformance-results.md')
const SHOWN = 40

/** One suite, run both ways. */
export interface Outcome {
  suite: Suite
  direct: Score
  tunnel: Score
}

export interface Difference {
  name: string
  direct: string
  tunnel: string
  /** Passed directly and not through the tunnel. */
  worse: boolean
  /** Why that is right, where it is known. */
  why: string | undefined
}

/** The cases that came out in two ways; a case that one run does not have did not pass in it. */
export function differences({ suite, direct, tunnel }: Outcome): Difference[] {
  const names = new Set([...direct.keys(), ...tunnel.keys()])
  const nothing = { passed: false, words: 'no such case' }
  return [...names].flatMap((name) => {
    const [one, other] = [direct.get(name) ?? nothing, tunnel.get(name) ?? nothing]
    if (one.passed === other.passed && one.words === other.words) return []
    const why = suite.known?.find(([cases]) => cases.test(name))?.[1]
    return [{ name, direct: one.words, tunnel: other.words, worse: one.passed && !other.passed, why }]
  })
}

/** Worse, and nobody has said why that should be right. */
export function isDefect({ worse, why }: Difference): boolean {
  return worse && why === undefined
}

/** A Markdown table that reads as well in a terminal. */
export function table(outcomes: Outcome[]): string {
  const rows = outcomes.map((outcome) => {
    const { suite, direct, tunnel } = outcome
    const differ = differences(outcome)
    const cases = new Set([...direct.keys(), ...tunnel.keys()]).size
    const known = differ.filter((each) => each.worse && !isDefect(each)).length
    const counts = [cases, passed(direct), passed(tunnel), differ.filter(isDefect).length, known, differ.length]
    return [suite.name, suite.version, ...counts.map(String)]
  })
  const all = [
    ['suite', 'version', 'cases', 'passed directly', 'through the tunnel', 'worse', 'known', 'differ'],
    ...rows,
  ]
  const widths = all[0]!.map((_, column) => Math.max(...all.map((cells) => cells[column]!.length)))
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  return [line(all[0]!), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rows.map(line)].join('\n')
}

/** A list of the cases that differ, those that are worse first. */
export function list(outcome: Outcome): string {
  const differ = differences(outcome).sort((a, b) => Number(b.worse) - Number(a.worse))
  const shown = differ.slice(0, SHOWN).map(({ name, direct, tunnel, worse, why }) => {
    const mark = worse && why === undefined ? '**worse** ' : ''
    return `- ${mark}\`${code(name)}\`: ${direct} → ${tunnel}${worse && why !== undefined ? `. _${why}._` : ''}`
  })
  if (differ.length > SHOWN) shown.push(`- and ${differ.length - SHOWN} more`)
  return shown.join('\n')
}

/** Puts the results between the marks in docs/conformance-results.md. */
export function write(outcomes: Outcome[], skipped: string[]): void {
  const text = readFileSync(RESULTS, 'utf8')
  const [start, end] = ['<!-- results -->', '<!-- end of results -->']
  const [before, rest] = text.split(start)
  const after = rest?.split(end)[1]
  if (after === undefined) throw new Error(`${RESULTS} lacks the marks ${start} and ${end}`)
  const parts = [circumstances(), table(outcomes)]
  if (skipped.length > 0) parts.push(skipped.map((line) => `- not run: ${line}`).join('\n'))
  for (const outcome of outcomes) {
    if (differences(outcome).length > 0)
      parts.push(`${outcome.suite.name}, directly → through the tunnel:\n\n${list(outcome)}`)
  }
  writeFileSync(RESULTS, `${before}${start}\n\n${parts.join('\n\n')}\n\n${end}${after}`)
}

function passed(score: Score): number {
  return [...score.values()].filter(({ passed }) => passed).length
}

/** Control characters and backquotes would spoil the list. */
function code(name: string): string {
  return name.replaceAll('`', "'").replaceAll(/[\x00-\x1f\x7f]/g, (char) => JSON.stringify(char).slice(1, -1))
}

function circumstances(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
  const changes = git('status', '--porcelain', '--', 'packages', 'e2e/src') === '' ? '' : ' with changes'
  const date = new Date().toISOString().slice(0, 10)
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} cores, ${type()} ${release()}`
  return `${date}, commit ${git('rev-parse', '--short', 'HEAD')}${changes}; ${machine}, Node ${process.version}.`
}
