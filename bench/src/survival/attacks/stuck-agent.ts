import { Rogue } from '../rogue.js'
import type { Attack } from '../scene.js'
import { leave, visitors } from '../visitor.js'

const BODY_BYTES = 8 * 1_024 * 1_024
const PART = Buffer.alloc(64 * 1_024, 'x')
const LONG_LINE = `X-Long: ${'x'.repeat(30_000)}\r\n`

/** An agent that stops reading its link, with one half of the visitors uploading and the other sending large heads. */
export const stuckAgent: Attack = {
  name: 'stuck-agent',
  title: 'visitors of an agent that does not read its link',
  count: { full: 400, quick: 100 },
  async run({ port, hold }, count) {
    const rogue = await Rogue.bound(port, 'unread')
    rogue.socket.pause()
    const all = visitors(count, port)
    for (const [index, visitor] of all.entries()) {
      if (index % 2 === 0) {
        visitor.send(`POST / HTTP/1.1\r\nHost: unread.localhost\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
        visitor.pour(PART, BODY_BYTES)
      } else visitor.send(`GET / HTTP/1.1\r\nHost: unread.localhost\r\n${LONG_LINE}\r\n`)
    }
    await hold()
    const outcome = await leave(all)
    await rogue.leave()
    return outcome
  },
}
