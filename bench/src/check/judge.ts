import { describeFigure, type Figures } from './figures.js'

/** From so much less than its baseline on, as a share of it, a figure wants a new one: or it could get worse by that much more without being noticed. */
const BETTER = 0.1

/** `new` has no baseline, `missing` was not measured this time. */
export type State = 'worse' | 'better' | 'same' | 'new' | 'missing'

export interface Verdict {
  figure: string
  state: State
  /** NaN where there is none. */
  measured: number
  baseline: number
  /** How much more was measured, as a share of the baseline. */
  more: number
}

/** One verdict for each figure of either, in the order in which they were measured. */
export function judge(measured: Figures, baselines: Figures): Verdict[] {
  const names = new Set([...Object.keys(measured), ...Object.keys(baselines)])
  return [...names].map((figure) => {
    const now = measured[figure] ?? Number.NaN
    const baseline = baselines[figure] ?? Number.NaN
    const more = now / baseline - 1
    return { figure, measured: now, baseline, more, state: stateOf(figure, now, baseline, more) }
  })
}

function stateOf(figure: string, measured: number, baseline: number, more: number): State {
  if (Number.isNaN(baseline)) return 'new'
  if (Number.isNaN(measured)) return 'missing'
  if (more > describeFigure(figure).limit) return 'worse'
  return more <= -BETTER ? 'better' : 'same'
}
