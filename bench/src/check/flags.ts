import { parseArgs } from 'node:util'
import { pick, whole } from '../flag-values.js'
import { traffics } from './traffic.js'

export const USAGE = `npm run bench:check -- [flags]

  --matrix         on Node 20, 22, 24 and 26, one after the other
  --record         take what is measured for right from now on: write it into bench/baselines.json
  --times <n>      measure n times, judge or record the medians, and tell how far apart the measurements were (1; to record 3)
  --only <names>   traffic, with commas: ${traffics.map(({ name }) => name).join(', ')}; all of it unless given, and when recording`

/** Throws a sentence for the person who typed them. */
export function readFlags(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      record: { type: 'boolean' },
      times: { type: 'string' },
      only: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.record && values.only !== undefined) throw new Error('--record is for all traffic: leave --only out')
  return {
    help: values.help ?? false,
    record: values.record ?? false,
    times: whole('--times', values.times, values.record ? 3 : 1, 1_000),
    traffics: pick('--only', traffics, values.only),
  }
}
