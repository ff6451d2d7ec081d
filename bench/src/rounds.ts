import type { Loads } from './load/run-load.js'
import { startApp } from './origin/start.js'
import type { Path } from './path/path.js'
import { countSyscalls, type Syscalls } from './process/syscalls.js'
import type { Outcome } from './report/figures.js'
import type { Running, Setting, Target } from './targets/target.js'
import type { Context, Plan, Sample, Workload } from './workloads/workload.js'

/** A warm-up is this much smaller than what is measured, */
const WARM_UP_SHARE = 4
/** and still long enough for compilers to be done with what few requests at a time call seldom. */
const WARM_UP_SECONDS = 2

export interface Contender {
  target: Target
  running: Running
}

export interface Run {
  loads: Loads
  plan: Plan
  rounds: number
  setting: Setting
  /** Whether one more round is for counting system calls. */
  syscalls: boolean
  onFailure(sentence: string): void
}

/** Measures one workload on those that it is meant for, over the path that it wants. Without samples where that can't be had; undefined when it is none of these contenders' business. */
export async function arrange(
  workload: Workload,
  contenders: Contender[],
  run: Run,
  note: (sentence: string) => void,
): Promise<Outcome | undefined> {
  const wanted = contenders.filter(({ target }) => {
    if (target.unable?.includes(workload.name)) return false
    if (target.alone && (workload.fresh || workload.path !== undefined)) return false
    return workload.targets?.includes(target.name) ?? true
  })
  if (wanted.length === 0) return undefined
  if (workload.path === undefined) return measure(workload, wanted, run)
  const path = await workload.path(run.setting.stage)
  if (typeof path === 'string') {
    note(`${workload.name} is skipped: ${path}`)
    return { ...described(workload), samples: {} }
  }
  try {
    return await measureOver(path, workload, wanted, run)
  } finally {
    note(`the path of ${workload.name}: ${await path.close()}`)
  }
}

/** On instances of their own, in front of an app of their own. */
async function measureOver(path: Path, workload: Workload, contenders: Contender[], run: Run): Promise<Outcome> {
  const app = await startApp(path)
  const setting = { ...run.setting, path, originPort: app.port }
  const targets = contenders.map(({ target }) => target)
  const moved = await startAll(targets, setting, run.onFailure)
  try {
    return await measure(workload, moved, { ...run, setting })
  } finally {
    for (const { running } of moved) await running.stop()
    await app.child.stop()
  }
}

/** One that can't start is left out. */
export async function startAll(
  targets: Target[],
  setting: Setting,
  onFailure: (sentence: string) => void,
): Promise<Contender[]> {
  const contenders: Contender[] = []
  for (const target of targets) {
    try {
      contenders.push({ target, running: await target.start(setting) })
    } catch (error) {
      onFailure(`${target.name} did not start: ${error instanceof Error ? error.message : error}`)
    }
  }
  return contenders
}

/**
 * Measures all targets in turns, so that figures of one round belong to the same minute. Each round begins with another
 * target: none is always the one that follows the heaviest.
 */
export async function measure(workload: Workload, contenders: Contender[], run: Run): Promise<Outcome> {
  const attempt = async ({ target, running }: Contender, plan: Plan): Promise<Sample | undefined> => {
    const context: Context = {
      ...{ running, plan, loads: run.loads, path: run.setting.path, originPort: run.setting.originPort },
      startFresh: (serverArgs = []) => target.start({ ...run.setting, serverArgs }),
    }
    try {
      return await workload.measure(context)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      run.onFailure(`${workload.name} failed on ${target.name}: ${reason}`)
      return undefined
    }
  }

  const { seconds, bytes } = run.plan
  const less = { seconds: Math.max(WARM_UP_SECONDS, seconds / WARM_UP_SHARE), bytes: bytes / WARM_UP_SHARE }
  if (workload.warmUp) {
    for (const contender of contenders) await attempt(contender, less)
  }
  const samples: Outcome['samples'] = {}
  for (const { target } of contenders) samples[target.name] = []
  for (let round = 0; round < Math.min(run.rounds, workload.maxRounds ?? run.rounds); round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]!
      samples[contender.target.name]!.push(await attempt(contender, run.plan))
    }
  }
  const outcome: Outcome = { ...described(workload), samples }
  const { unit } = workload
  if (!run.syscalls || unit === undefined) return outcome
  const calls: Record<string, Syscalls> = {}
  for (const contender of contenders) {
    const counted = await callsPerUnit(contender, run, () => attempt(contender, less))
    for (const [role, each] of Object.entries(counted)) calls[`${contender.target.name} ${role}`] = each
  }
  return { ...outcome, syscalls: { unit, calls } }
}

function described({ name, title, metrics }: Workload): Pick<Outcome, 'workload' | 'title' | 'metrics'> {
  return { workload: name, title, metrics }
}

/** The calls of each part of a target, by its role; none where there are no parts or the work failed. */
async function callsPerUnit(
  { target, running }: Contender,
  { setting, onFailure }: Run,
  work: () => Promise<Sample | undefined>,
): Promise<Record<string, Syscalls>> {
  try {
    const ends = await Promise.all(running.parts.map(({ child }) => countSyscalls(setting.stage, child.pid)))
    const units = (await work())?.units
    const counted = await Promise.all(ends.map((end) => end()))
    if (units === undefined || units === 0) return {}
    return Object.fromEntries(
      running.parts.map(({ role }, index) => [
        role,
        Object.fromEntries(Object.entries(counted[index]!).map(([name, calls]) => [name, calls / units])),
      ]),
    )
  } catch (error) {
    onFailure(`system calls of ${target.name} were not counted: ${error instanceof Error ? error.message : error}`)
    return {}
  }
}
