// npm run test:suites: runs the suites of others against an app directly and through the tunnel, and compares the scores.
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { World } from '../support/world.js'
import { autobahn } from './autobahn.js'
import { cacheTests } from './cache-tests.js'
import { desyncGuardian } from './desync-guardian.js'
import { gunicorn } from './gunicorn.js'
import { h1spec } from './h1spec.js'
import { litmus } from './litmus.js'
import { llhttpRequests, llhttpResponses } from './llhttp.js'
import { redbot } from './redbot.js'
import { differences, isDefect, list, type Outcome, table, write } from './report.js'
import { slowhttptest } from './slowhttptest.js'
import { smugglex } from './smugglex.js'
import type { Ready, Score, Suite } from './suite.js'

const suites = [
  llhttpRequests,
  llhttpResponses,
  gunicorn,
  desyncGuardian,
  h1spec,
  smugglex,
  litmus,
  redbot,
  cacheTests,
  autobahn,
  slowhttptest,
]

const USAGE = `npm run test:suites [-- flags]
  --only a,b      suites whose names contain a or b
  --full          the cases that take long too (Autobahn's limits and compression: about half an hour)
  --h1spec <path> the file http_test.ts of h1spec
  --write         put the results into docs/conformance-results.md`

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string' },
    full: { type: 'boolean', default: false },
    h1spec: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) {
  console.log(USAGE)
  process.exit(0)
}

const outcomes: Outcome[] = []
const skipped: string[] = []
for (const suite of suites) {
  if (flags.only !== undefined && !flags.only.split(',').some((part) => suite.name.includes(part))) continue
  const ready = await suite.obtain({ full: flags.full, h1spec: flags.h1spec && resolve(flags.h1spec) }).catch(String)
  if (typeof ready === 'string') {
    skipped.push(`${suite.name}: ${ready}`)
    console.log(`not run: ${skipped.at(-1)}`)
    continue
  }
  console.log(`Running ${suite.name} ${suite.version}…`)
  outcomes.push({ suite, ...(await bothWays(suite, ready)) })
}

console.log(`\n${table(outcomes)}`)
for (const outcome of outcomes) {
  if (differences(outcome).length > 0)
    console.log(`\n${outcome.suite.name}, directly → through the tunnel:\n${list(outcome)}`)
}
for (const line of skipped) console.log(`\nnot run: ${line}`)
if (flags.write) write(outcomes, skipped)
if (outcomes.some((outcome) => differences(outcome).some(isDefect))) {
  console.error('\nSome cases pass directly and not through the tunnel.')
  process.exitCode = 1
}

/** One app, asked directly and then through a server and an agent of its own. */
async function bothWays(suite: Suite, ready: Ready): Promise<{ direct: Score; tunnel: Score }> {
  // Most suites name the host by its address, so that is the tunnel's name and domain: 127 of 0.0.1.
  const [name, domain] = suite.host ?? ['127', '0.0.1']
  await using world = await World.start({ args: ['--domain', domain, '--open', '--host', '127.0.0.1'] })
  const port = await ready.startApp(world)
  await world.agent(name, port, { args: ['--local-host', '127.0.0.1'] })
  const place = (port: number) => {
    const folder = world.newState()
    mkdirSync(folder)
    return { port, folder }
  }
  const direct = await ready.run(place(port))
  const tunnel = await ready.run(place(world.port))
  for (const score of [direct, tunnel]) if (score.size === 0) throw new Error(`${suite.name} ran no case`)
  return { direct, tunnel }
}
