import { parseArgs } from 'node:util'
import { whole } from '../flag-values.js'

export const USAGE = `npm run bench:links -- [flags]

  --quick             a minute: 500 cuts, 3 rounds of 1 second and 256 MiB
  --cuts <n>          how often the link is cut (10000)
  --rounds <n>        how often resuming on is compared with off (9)
  --seconds <n>       of each measurement by time (4)
  --mebibytes <n>     of each transfer (1024)
  --write             put the figures into bench/links.md`

/** Throws a sentence for the person who typed them. */
export function readFlags(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean' },
      cuts: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      mebibytes: { type: 'string' },
      write: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const { quick = false } = values
  return {
    help: values.help ?? false,
    cuts: whole('--cuts', values.cuts, quick ? 500 : 10_000, 1_000_000),
    rounds: whole('--rounds', values.rounds, quick ? 3 : 9, 100),
    seconds: whole('--seconds', values.seconds, quick ? 1 : 4, 600),
    mebibytes: whole('--mebibytes', values.mebibytes, quick ? 256 : 1_024, 65_536),
    write: values.write ?? false,
  }
}
