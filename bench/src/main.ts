// npm run bench: every target under every workload, in one run on one machine.
import { mkdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { typed } from './flag-values.js'
import { type Flags, readFlags, USAGE } from './flags.js'
import { Loads } from './load/run-load.js'
import { startOrigin } from './origin/start.js'
import { furnishOwnNetwork, inOwnNetwork, missingNetwork, runInOwnNetwork } from './path/network.js'
import { noPath } from './path/path.js'
import { ensureProgram } from './process/programs.js'
import { Stage } from './process/stage.js'
import { canMeasureProcesses } from './process/usage.js'
import { circumstances, describe } from './report/circumstances.js'
import type { Outcome } from './report/figures.js'
import { judge, verdictTable } from './report/floors.js'
import { topFunctions } from './report/profile.js'
import { writeReadme } from './report/readme.js'
import { syscallTable } from './report/syscalls.js'
import { table } from './report/table.js'
import { appendResults, type Report, writeJson } from './report/write.js'
import { arrange, startAll } from './rounds.js'
import type { Setting, Target } from './targets/target.js'

const OUT = fileURLToPath(new URL('../out', import.meta.url))

/** Resolves to the exit code. */
async function main(flags: Flags): Promise<number> {
  const wrk = flags.builtInLoad ? undefined : await ensureProgram('wrk', 'wrk')
  const strace = flags.syscalls ? await ensureProgram('strace', 'strace') : undefined
  const skips = await missing(flags.targets)
  if (inOwnNetwork()) await furnishOwnNetwork()
  else if (flags.workloads.some(({ path }) => path !== undefined) && (await missingNetwork()) === undefined)
    return runInOwnNetwork()

  const notes: string[] = []
  const note = (sentence: string) => {
    notes.push(sentence)
    console.log(sentence)
  }
  let failures = 0
  const onFailure = (sentence: string) => {
    failures++
    note(sentence)
  }
  const about = await circumstances()
  console.log(describe(about))
  if (wrk === undefined) note('requests come from the built-in load, not from wrk')
  if (!canMeasureProcesses) note('CPU time and memory are left out: only Linux tells them')
  if (flags.syscalls && strace === undefined) note('system calls are not counted: strace is not installed')
  for (const [name, reason] of skips) note(`${name} is skipped: ${reason}`)

  const stage = new Stage()
  const setting: Setting = {
    stage,
    path: noPath(stage),
    originPort: await startOrigin(stage),
    profileDir: flags.profile ? emptyOut() : undefined,
  }
  const present = flags.targets.filter(({ name }) => !skips.has(name))
  const contenders = await startAll(present, setting, onFailure)
  const extent = `${flags.rounds} rounds, ${flags.seconds} s, ${flags.mebibytes} MiB`
  console.log(`${extent}\n`)

  const run = {
    loads: new Loads(stage, wrk),
    plan: { seconds: flags.seconds, bytes: flags.mebibytes * 1_024 * 1_024 },
    rounds: flags.rounds,
    setting,
    syscalls: strace !== undefined,
    onFailure,
  }
  const outcomes: Outcome[] = []
  for (const workload of flags.workloads) {
    const outcome = await arrange(workload, contenders, run, note).catch((error) => {
      onFailure(`${workload.name} failed: ${error instanceof Error ? error.message : error}`)
      return undefined
    })
    if (outcome === undefined) continue
    outcomes.push(outcome)
    console.log(table(outcome))
    if (outcome.syscalls !== undefined) console.log(`${syscallTable(outcome.syscalls)}\n`)
  }

  await Promise.all(contenders.map(({ running }) => running.stop()))
  if (setting.profileDir !== undefined) console.log(topFunctions(setting.profileDir))
  const verdicts = judge(outcomes)
  if (verdicts.length > 0) console.log(`### Must reach\n\n${verdictTable(verdicts)}\n`)
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ')
  const report: Report = { about, command, extent, outcomes, verdicts, notes }
  if (flags.json !== undefined) writeJson(flags.json, report)
  if (flags.write) {
    appendResults(report)
    const kept = writeReadme(report)
    if (kept !== undefined) console.log(kept)
  }
  const missed = verdicts.filter(({ holds }) => holds === false).length
  return failures > 0 || (flags.check && missed > 0) ? 1 : 0
}

/** Those that can't run here, and why. What can be installed for them has been after this. */
async function missing(targets: Target[]): Promise<Map<string, string>> {
  const reasons = new Map<string, string>()
  for (const target of targets) {
    const reason = await target.missing()
    if (reason !== undefined) reasons.set(target.name, reason)
  }
  return reasons
}

function emptyOut(): string {
  rmSync(OUT, { recursive: true, force: true })
  mkdirSync(OUT, { recursive: true })
  return OUT
}

const flags = typed(readFlags, USAGE)
if (flags.help) console.log(USAGE)
else process.exit(await main(flags))
