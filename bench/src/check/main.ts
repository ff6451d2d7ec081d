// npm run bench:check: whether requests cost more than they did. Part of npm test.
import { typed } from '../flag-values.js'
import { startOrigin } from '../origin/start.js'
import { Stage } from '../process/stage.js'
import { circumstances } from '../report/circumstances.js'
import { nodeMajor, readBaselines, recordBaselines } from './baselines.js'
import { type Figures, medians } from './figures.js'
import { readFlags, USAGE } from './flags.js'
import { judge } from './judge.js'
import { measure } from './measure.js'
import { complaint, verdictTable } from './report.js'
import { traffics as allTraffic } from './traffic.js'

const HINT = `Either something on the path does more than it has to: npm run bench -- --only get-50 --targets ours --profile shows where time goes.
Or it is worth that: npm run bench:check -- --record takes it for right from now on.`

/** Of one measurement, which takes half a minute. Nothing is waited for as long as that on any machine, unless it never comes. */
const DEADLINE_MS = 10 * 60_000

/** Resolves to the exit code: 1 when something has become worse. */
async function main({ record, times, traffics }: ReturnType<typeof readFlags>): Promise<number> {
  if (process.platform === 'win32') {
    console.log('left out: on Windows there is no signal by which the commands could be asked what they have done')
    return 0
  }
  setTimeout(() => {
    console.error(`no end within ${(times * DEADLINE_MS) / 60_000} minutes: the tunnel has stopped to carry something`)
    process.exit(1)
  }, times * DEADLINE_MS)
  const stage = new Stage()
  const originPort = await startOrigin(stage)
  const measured: Figures[] = []
  for (let time = 0; time < times; time++) {
    measured.push(await measure({ stage, originPort, traffics, cpu: traffics.length === allTraffic.length }))
  }
  const { figures, spreads } = medians(measured)
  const baselines = readBaselines()
  const known = Object.entries(baselines?.figures ?? {}).filter(([name]) =>
    traffics.some((each) => name.startsWith(`${each.name} `)),
  )
  const verdicts = judge(figures, Object.fromEntries(known))
  console.log(`${verdictTable(verdicts, times > 1 ? spreads : {})}\n`)

  if (record) {
    const { date, commit, node } = await circumstances()
    recordBaselines({ recorded: `${date} UTC, commit ${commit}, Node ${node}`, figures })
    console.log(`recorded for Node ${nodeMajor}`)
    return 0
  }
  if (baselines === undefined) {
    console.log(
      `There are no baselines for Node ${nodeMajor}, so nothing is judged; npm run bench:check -- --record makes them.`,
    )
    return 0
  }
  const worse = verdicts.filter(({ state }) => state === 'worse')
  if (verdicts.some(({ state }) => state === 'better')) {
    console.log('Figures have become better than their baselines; npm run bench:check -- --record keeps it so.')
  }
  if (worse.length === 0) return 0
  console.error(`${worse.map(complaint).join('\n')}\n\n${HINT}`)
  return 1
}

const flags = typed(readFlags, USAGE)
if (flags.help) console.log(USAGE)
else process.exit(await main(flags))
