import { parseArgs } from 'node:util'
import { pick, whole } from '../flag-values.js'
import { attacks } from './attacks/index.js'

export const USAGE = `npm run bench:survival -- [flags]

  --quick          a fifth of each attack, held for a second
  --only <names>   attacks, with commas: ${attacks.map(({ name }) => name).join(', ')}
  --seconds <n>    how long what an attack builds up stands, and how long the bystander is watched (4)
  --write          put the table into docs/security.md`

/** Throws a sentence for the person who typed them. */
export function readFlags(args: string[]) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean' },
      only: { type: 'string' },
      seconds: { type: 'string' },
      write: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const { quick = false } = values
  return {
    help: values.help ?? false,
    quick,
    attacks: pick('--only', attacks, values.only),
    seconds: whole('--seconds', values.seconds, quick ? 1 : 4, 10),
    write: values.write ?? false,
  }
}
