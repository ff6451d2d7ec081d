import { parseArgs } from 'node:util'
import { pick, whole } from './flag-values.js'
import { targets, variants } from './targets/index.js'
import { workloads } from './workloads/index.js'

const longOnes = workloads
  .filter(({ long }) => long)
  .map(({ name }) => name)
  .join(', ')

export const USAGE = `npm run bench -- [flags]

  --quick             three minutes: 2 rounds, 1 second, 256 MiB, and without ${longOnes}
  --only <names>      workloads, with commas: ${workloads.map(({ name }) => name).join(', ')}
  --targets <names>   with commas: ${targets.map(({ name }) => name).join(', ')}; by name only: ${variants.map(({ name }) => name).join(', ')}
  --rounds <n>        how often each is measured (3)
  --seconds <n>       of each measurement by time (2)
  --mebibytes <n>     of each transfer (1024)
  --load node         the built-in load even where wrk is installed
  --profile           leave CPU profiles of our server and agent in bench/out, for any flame graph viewer, and list their dearest functions
  --json <file>       write all samples
  --syscalls          count the system calls of each process per request, round trip and GiB in one more round, with strace
  --check             end with 1 when one of the figures that must be reached is not
  --write             append the tables to bench/results.md, and put the main figures into README.md`

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
  syscalls: { type: 'boolean' },
  check: { type: 'boolean' },
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
    targets: values.targets === undefined ? targets : pick('--targets', [...targets, ...variants], values.targets),
    workloads: pick('--only', workloads, values.only).filter(
      ({ long }) => !long || !quick || values.only !== undefined,
    ),
    rounds: whole('--rounds', values.rounds, quick ? 2 : 3, 100),
    seconds: whole('--seconds', values.seconds, quick ? 1 : 2, 600),
    mebibytes: whole('--mebibytes', values.mebibytes, quick ? 256 : 1_024, 65_536),
    builtInLoad: values.load === 'node',
    profile: values.profile ?? false,
    json: values.json,
    syscalls: values.syscalls ?? false,
    check: values.check ?? false,
    write: values.write ?? false,
  }
}
