import { parseArgs } from 'node:util'
import { pick, whole } from './flag-values.js'
import { targets } from './targets/index.js'
import { workloads } from './workloads/index.js'

export const USAGE = `npm run bench -- [flags]

  --quick             a minute or two: 2 rounds, 1 second, 256 MiB
  --only <names>      workloads, with commas: ${workloads.map(({ name }) => name).join(', ')}
  --targets <names>   with commas: ${targets.map(({ name }) => name).join(', ')}
  --rounds <n>        how often each is measured (5)
  --seconds <n>       of each measurement by time (4)
  --mebibytes <n>     of each transfer (1024)
  --load node         the built-in load even where wrk is installed
  --profile           leave CPU profiles of our server and agent in bench/out and list their dearest functions
  --json <file>       write all samples
  --write             append the tables to bench/results.md`

const flags = {
  quick: { type: 'boolean' },
  only: { type: 'string' },
  targets: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  mebibytes: { type: 'string' },
  load: { type: 'string' },
  profile: { type: 'boolean' },
  json: { type: 'string' },
  write: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const

export type Flags = ReturnType<typeof readFlags>

/** Throws a sentence for the person who typed them. */
export function readFlags(args: string[]) {
  const { values } = parseArgs({ args, options: flags })
  const { quick = false } = values
  if (values.load !== undefined && !['wrk', 'node'].includes(values.load)) throw new Error('--load is wrk or node')
  return {
    help: values.help ?? false,
    targets: pick('--targets', targets, values.targets),
    workloads: pick('--only', workloads, values.only),
    rounds: whole('--rounds', values.rounds, quick ? 2 : 5, 100),
    seconds: whole('--seconds', values.seconds, quick ? 1 : 4, 600),
    mebibytes: whole('--mebibytes', values.mebibytes, quick ? 256 : 1_024, 65_536),
    builtInLoad: values.load === 'node',
    profile: values.profile ?? false,
    json: values.json,
    write: values.write ?? false,
  }
}
