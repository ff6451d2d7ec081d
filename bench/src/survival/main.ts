// npm run bench:survival: attack a real server and look at what everybody else notices.
import { typed } from '../flag-values.js'
import { Loads } from '../load/run-load.js'
import { Stage } from '../process/stage.js'
import { canMeasureProcesses } from '../process/usage.js'
import { circumstances, describe } from '../report/circumstances.js'
import { Arena } from './arena.js'
import { readFlags, USAGE } from './flags.js'
import { defeat, measure, type Outcome } from './measure.js'
import { survivalTable, writeSurvival } from './report.js'

/** Resolves to the exit code: 1 when an attack did harm to anybody but the attackers. */
async function main(flags: ReturnType<typeof readFlags>): Promise<number> {
  const about = await circumstances()
  console.log(describe(about))
  if (!canMeasureProcesses) console.log('memory and open files are left out: only Linux tells them')
  const stage = new Stage()
  const loads = new Loads(stage, undefined)
  const outcomes: Outcome[] = []
  let defeats = 0
  for (const attack of flags.attacks) {
    const arena = await Arena.open(stage, attack.serverArgs ?? [])
    const count = flags.quick ? attack.count.quick : attack.count.full
    const outcome = await measure(attack, count, arena, loads, flags.seconds)
    await arena.close()
    outcomes.push(outcome)
    console.log(`\n${survivalTable([outcome])}`)
    const lost = defeat(outcome)
    if (lost === undefined) continue
    defeats++
    console.log(`\n${attack.name}: ${lost}`)
  }
  const command = ['npm run bench:survival --', ...process.argv.slice(2)].join(' ')
  if (flags.write) writeSurvival(about, command, outcomes)
  return defeats === 0 ? 0 : 1
}

const flags = typed(readFlags, USAGE)
if (flags.help) console.log(USAGE)
else process.exit(await main(flags))
