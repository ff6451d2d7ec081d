// npm run bench:links: what visitors notice of lost links, and what it costs that they notice so little.
import { typed } from '../flag-values.js'
import { Loads } from '../load/run-load.js'
import { startOrigin } from '../origin/start.js'
import { noPath } from '../path/path.js'
import { ensureProgram } from '../process/programs.js'
import { Stage } from '../process/stage.js'
import { canMeasureProcesses } from '../process/usage.js'
import { circumstances, describe } from '../report/circumstances.js'
import { type Outcome, ratio } from '../report/figures.js'
import { table } from '../report/table.js'
import { type Contender, measure, type Run } from '../rounds.js'
import { ourTarget } from '../targets/ours.js'
import { requests } from '../workloads/requests.js'
import { download, upload } from '../workloads/transfer.js'
import type { Workload } from '../workloads/workload.js'
import { cutOften, growth } from './cuts.js'
import { readFlags, USAGE } from './flags.js'
import { cutsTables, writePage } from './report.js'

/** What being ready for another link may cost a request, as a multiple of its CPU time without. */
const MAX_RATIO = 1.05
/** What memory may grow by between the last two looks at it: noise. */
const MAX_GROWTH_BYTES = 16 << 20
const OFF = 'resuming off'
const ON = 'resuming on'

/** Resolves to the exit code: 1 when a promise is not kept. */
async function main(flags: ReturnType<typeof readFlags>): Promise<number> {
  if (!canMeasureProcesses) throw new Error('only Linux tells what another process uses')
  const about = `${describe(await circumstances())}; ${flags.rounds} rounds, ${flags.seconds} s, ${flags.mebibytes} MiB`
  console.log(`${about}\n`)
  const stage = new Stage()
  const parts: string[] = []
  let failures = 0
  const show = (part: string) => {
    parts.push(part)
    console.log(part)
  }
  const fail = (sentence: string) => {
    failures++
    show(`- ${sentence}\n`)
  }

  const cuts = await cutOften(stage, [0, Math.ceil(flags.cuts / 5), flags.cuts])
  show(cutsTables(cuts))
  const grown = Math.max(growth(cuts.marks, 'resident'), growth(cuts.marks, 'heap'))
  if (grown > MAX_GROWTH_BYTES) fail(`memory grew by ${(grown / (1 << 20)).toFixed(1)} MiB`)

  const setting = { stage, path: noPath(stage), originPort: await startOrigin(stage), profileDir: undefined }
  const plan = { seconds: flags.seconds, bytes: flags.mebibytes * 1_024 * 1_024 }
  const loads = new Loads(stage, await ensureProgram('wrk', 'wrk'))
  const run = { loads, plan, rounds: 1, setting, syscalls: false, onFailure: fail }
  const small = requests(50)
  for (const outcome of await compare([small, download(1), upload(1)], flags.rounds, run)) {
    show(table(outcome, [OFF]))
    // Transfers differ by more than that from round to round.
    if (outcome.workload !== small.name) continue
    const cost = ratio(outcome, ON, OFF, 'cpu')?.median ?? Number.NaN
    if (!(cost <= MAX_RATIO)) fail(`${outcome.title}: with resuming ${cost.toFixed(3)} times the CPU`)
  }
  if (flags.write) writePage(about, parts)
  return failures === 0 ? 0 : 1
}

/**
 * Resuming on and off, in turns. Each round has processes of its own: two of the same kind may differ by more than what is looked for here, for as
 * long as they run.
 */
async function compare(workloads: Workload[], rounds: number, run: Run): Promise<Outcome[]> {
  const outcomes = new Map<string, Outcome>()
  for (let round = 0; round < rounds; round++) {
    const targets = [ourTarget(OFF, ['--resume-grace', '0']), ourTarget(ON)]
    if (round % 2 === 1) targets.reverse()
    const contenders: Contender[] = []
    for (const target of targets) contenders.push({ target, running: await target.start(run.setting) })
    for (const workload of workloads) {
      const outcome = await measure(workload, contenders, run)
      const known = outcomes.get(workload.name)
      if (known === undefined) outcomes.set(workload.name, outcome)
      else for (const name of [OFF, ON]) known.samples[name]!.push(...outcome.samples[name]!)
    }
    await Promise.all(contenders.map(({ running }) => running.stop()))
  }
  return [...outcomes.values()]
}

const flags = typed(readFlags, USAGE)
if (flags.help) console.log(USAGE)
else process.exit(await main(flags))
