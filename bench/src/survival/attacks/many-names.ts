import { crowd } from '../crowd.js'
import { control, Rogue } from '../rogue.js'
import type { Attack } from '../scene.js'

const AT_ONCE = 8
const hello = control({ type: 'hello', binds: Array.from({ length: 64 }, (_, index) => ({ tunnel: index + 1 })) })

/** Sessions that take as many names as one hello may ask for, ask again, and so lose the session; the names are kept for --lease. */
export const manyNames: Attack = {
  name: 'many-names',
  title: 'sessions that take 64 names and say hello once more',
  count: { full: 500, quick: 50 },
  serverArgs: ['--lease', '2s', '--max-tunnels-per-account', '65536'],
  run: ({ port }, count) =>
    crowd(count, AT_ONCE, async () => {
      const rogue = await Rogue.open(port)
      rogue.send(hello)
      rogue.send(hello)
      return rogue.outcome
    }),
}
