import { describeFigure, type Figures } from './figures.js'

/** A figure that lies below its baseline by this share of its limit wants a new one: or it could get worse by that much more without being noticed. */
const BETTER = 0.4

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
  const { limit } = describeFigure(figure)
  if (more > limit) return 'worse'
  return more < -BETTER * limit ? 'better' : 'same'
}
