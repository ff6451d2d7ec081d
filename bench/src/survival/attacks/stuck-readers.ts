import type { Attack } from '../scene.js'
import { leave, visitors } from '../visitor.js'

/** More than anybody could hold. */
const ENDLESS_BYTES = 1e14

/** Downloads that nobody reads. */
export const stuckReaders: Attack = {
  name: 'stuck-readers',
  title: 'visitors who ask for an endless download and do not read',
  count: { full: 200, quick: 50 },
  async run({ port, victim, hold }, count) {
    const all = visitors(count, port)
    for (const visitor of all) {
      visitor.socket.pause()
      visitor.send(`GET /download/${ENDLESS_BYTES} HTTP/1.1\r\nHost: ${victim}\r\n\r\n`)
    }
    await hold()
    return leave(all)
  },
}
