// npm run bench: every target under every workload, in one run on one machine.
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { typed } from './flag-values.js'
import { type Flags, readFlags, USAGE } from './flags.js'
import { Loads } from './load/run-load.js'
import { startOrigin } from './origin/start.js'
import { ensureProgram } from './process/programs.js'
import { Stage } from './process/stage.js'
import { canMeasureProcesses } from './process/usage.js'
import { circumstances, describe } from './report/circumstances.js'
import type { Outcome } from './report/figures.js'
import { topFunctions } from './report/profile.js'
import { table } from './report/table.js'
import { appendResults, writeJson } from './report/write.js'
import { type Contender, measure } from './rounds.js'
import type { Setting, Target } from './targets/target.js'

const OUT = fileURLToPath(new URL('../out', import.meta.url))

/** Resolves to the exit code. */
async function main(flags: Flags): Promise<number> {
  const notes: string[] = []
  const note = (sentence: string) => {
    notes.push(sentence)
    console.log(sentence)
  }
  const about = await circumstances()
  console.log(describe(about))
  const wrk = flags.builtInLoad ? undefined : await ensureProgram('wrk', 'wrk')
  if (wrk === undefined) note('requests come from the built-in load, not from wrk')
  if (!canMeasureProcesses) note('CPU time and memory are left out: only Linux tells them')

  const stage = new Stage()
  const setting = { stage, originPort: await startOrigin(stage), profileDir: flags.profile ? emptyOut() : undefined }
  const { contenders, failed } = await startTargets(flags.targets, setting, note)
  const plan = { seconds: flags.seconds, bytes: flags.mebibytes * 1_024 * 1_024 }
  const extent = `${flags.rounds} rounds, ${flags.seconds} s, ${flags.mebibytes} MiB`
  console.log(`${extent}\n`)

  const outcomes: Outcome[] = []
  let failures = failed
  const onFailure = (sentence: string) => {
    failures++
    note(sentence)
  }
  for (const workload of flags.workloads) {
    const run = { loads: new Loads(stage, wrk), plan, setting, onFailure }
    const outcome = await measure(workload, contenders, flags.rounds, run)
    outcomes.push(outcome)
    console.log(table(outcome))
  }

  await Promise.all(contenders.map(({ running }) => running.stop()))
  if (setting.profileDir !== undefined) console.log(topFunctions(setting.profileDir))
  const report = { about, extent, outcomes, notes }
  if (flags.json !== undefined) writeJson(flags.json, report)
  if (flags.write) appendResults(report)
  return failures === 0 ? 0 : 1
}

/** One that can't start is left out, like one that is not installed, but the run counts as failed. */
async function startTargets(targets: Target[], setting: Setting, note: (sentence: string) => void) {
  const contenders: Contender[] = []
  let failed = 0
  for (const target of targets) {
    try {
      const missing = await target.missing()
      if (missing !== undefined) note(`${target.name} is skipped: ${missing}`)
      else contenders.push({ target, running: await target.start(setting) })
    } catch (error) {
      failed++
      note(`${target.name} did not start: ${error instanceof Error ? error.message : error}`)
    }
  }
  return { contenders, failed }
}

function emptyOut(): string {
  rmSync(OUT, { recursive: true, force: true })
  mkdirSync(OUT, { recursive: true })
  return OUT
}

const flags = typed(readFlags, USAGE)
if (flags.help) console.log(USAGE)
else process.exit(await main(flags))
