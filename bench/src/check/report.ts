import { markdownTable, number } from '../report/table.js'
import { describeFigure, type Figures } from './figures.js'
import type { Verdict } from './judge.js'

/** A row for each figure. `spreads` is empty after a single measurement. */
export function verdictTable(verdicts: Verdict[], spreads: Figures): string {
  const several = Object.keys(spreads).length > 0
  const rows = verdicts.map(({ figure, measured, baseline, more, state }) => [
    ...[title(figure), cell(measured), cell(baseline)],
    Number.isNaN(more) ? '' : percent(more),
    ...(several ? [`${((spreads[figure] ?? 0) * 100).toFixed(1)} %`] : []),
    state === 'same' ? '' : state,
  ])
  return markdownTable([['', 'measured', 'baseline', '', ...(several ? ['spread'] : []), ''], ...rows])
}

/** What is wrong with a figure, in one line. */
export function complaint({ figure, measured, baseline, more }: Verdict): string {
  const allowed = Math.round(describeFigure(figure).limit * 100)
  return `${title(figure)}: ${number(measured)}, where the baseline is ${number(baseline)}. That is ${percent(more)}, and +${allowed} % is allowed`
}

/** `get, server: bytes allocated on the heap per request`. */
function title(figure: string): string {
  const [name = '', role = ''] = figure.split(' ')
  const { words, unit } = describeFigure(figure)
  return `${name}, ${role}: ${words} per ${unit}`
}

function percent(share: number): string {
  return `${share < 0 ? '−' : '+'}${Math.abs(share * 100).toFixed(1)} %`
}

function cell(value: number): string {
  return Number.isNaN(value) ? '–' : number(value)
}
