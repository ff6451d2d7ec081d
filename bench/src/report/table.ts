import { anchors as usualAnchors } from '../targets/index.js'
import type { Metric } from '../workloads/workload.js'
import { anchorOf, type Figure, figure, type Outcome, ratio } from './figures.js'

/**
 * One workload as a Markdown table that reads as well in a terminal: a row for each figure, a column for each target. `anchors`: what the
 * others are compared with, the first that has the figure.
 */
export function table(outcome: Outcome, anchors = usualAnchors): string {
  const targets = Object.keys(outcome.samples)
  if (targets.length === 0) return `### ${outcome.title}\n\nNot measured.\n`
  const rows = outcome.metrics
    .map((metric) => row(outcome, metric, targets, anchors))
    .filter((cells) => cells.length > 0)
  return [`### ${outcome.title}`, '', markdownTable([['', ...targets], ...rows]), ''].join('\n')
}

/** Rows of cells, the first with the headings, padded so that columns line up. */
export function markdownTable(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((cells) => cells[column]!.length)))
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  return [line(rows[0]!), rule, ...rows.slice(1).map(line)].join('\n')
}

/** Empty when no target has the figure, or when there are only errors that did not happen. */
function row(outcome: Outcome, { key, label, unit }: Metric, targets: string[], anchors: string[]): string[] {
  const figures = targets.map((target) => figure(outcome, target, key))
  if (!figures.some((each) => each !== undefined && (key !== 'errors' || each.max > 0))) return []
  const anchor = anchorOf(outcome, key, anchors)
  const cells = targets.map((target, index) => {
    const relation = anchor === undefined || anchor === target ? undefined : ratio(outcome, target, anchor, key)
    return cell(figures[index], relation)
  })
  return [unit === '' ? label : `${label} (${unit})`, ...cells]
}

function cell(value: Figure | undefined, relation: Figure | undefined): string {
  if (value === undefined) return '–'
  const range = value.min === value.max ? '' : ` (${number(value.min)}–${number(value.max)})`
  return `${number(value.median)}${range}${relation === undefined ? '' : ` **${number(relation.median)}×**`}`
}

/** Three digits that matter. */
export function number(value: number): string {
  if (value === 0) return '0'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return value
    .toPrecision(3)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')
}
