import type { Loads } from './load/run-load.js'
import type { Outcome } from './report/figures.js'
import type { Running, Setting, Target } from './targets/target.js'
import type { Context, Plan, Sample, Workload } from './workloads/workload.js'

/** A warm-up is this much smaller than what is measured. */
const WARM_UP_SHARE = 4

export interface Contender {
  target: Target
  running: Running
}

/**
 * Measures one workload on all targets in turns, so that figures of one round belong to the same minute. Each round
 * begins with another target: none is always the one that follows the heaviest.
 */
export async function measure(
  workload: Workload,
  contenders: Contender[],
  rounds: number,
  run: { loads: Loads; plan: Plan; setting: Setting; onFailure(sentence: string): void },
): Promise<Outcome> {
  const samples: Record<string, Array<Sample | undefined>> = {}
  for (const { target } of contenders) samples[target.name] = []
  const contextOf = ({ target, running }: Contender, plan: Plan): Context => ({
    ...{ running, plan, loads: run.loads },
    startFresh: () => target.start(run.setting),
  })
  const attempt = async (contender: Contender, plan: Plan) => {
    try {
      return await workload.measure(contextOf(contender, plan))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      run.onFailure(`${workload.name} failed on ${contender.target.name}: ${reason}`)
      return undefined
    }
  }

  if (workload.warmUp) {
    const { seconds, bytes } = run.plan
    const less = { seconds: Math.max(1, seconds / WARM_UP_SHARE), bytes: bytes / WARM_UP_SHARE }
    for (const contender of contenders) await attempt(contender, less)
  }
  for (let round = 0; round < Math.min(rounds, workload.maxRounds ?? rounds); round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]!
      samples[contender.target.name]!.push(await attempt(contender, run.plan))
    }
  }
  return { workload: workload.name, title: workload.title, metrics: workload.metrics, samples }
}
