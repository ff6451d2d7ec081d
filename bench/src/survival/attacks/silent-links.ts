import { crowd } from '../crowd.js'
import { Rogue } from '../rogue.js'
import type { Attack } from '../scene.js'

/** Links on which nobody says hello; the server gives each 10 s. */
export const silentLinks: Attack = {
  name: 'silent-links',
  title: 'links on which nobody says hello',
  count: { full: 500, quick: 100 },
  run: ({ port }, count) =>
    crowd(count, count, async () => {
      const rogue = await Rogue.open(port)
      return rogue.outcome
    }),
}
