import type { Attack } from '../scene.js'
import { leave, visitors } from '../visitor.js'

/** Requests that each visitor would send, had it a server that answers them all. */
const BYTES = 8 * 1_024 * 1_024

/** Requests without end on connections whose answers nobody reads: the tunnel's own error pages, and answers of the app. */
export const unreadAnswers: Attack = {
  name: 'unread-answers',
  title: 'visitors who send request after request and read no answer',
  count: { full: 20, quick: 4 },
  async run({ port, victim, hold }, count) {
    const all = visitors(count, port)
    for (const [index, visitor] of all.entries()) {
      const host = index % 2 === 0 ? 'nobody.localhost' : victim
      visitor.socket.pause()
      visitor.pour(Buffer.from(`GET /1k HTTP/1.1\r\nHost: ${host}\r\n\r\n`.repeat(1_000)), BYTES)
    }
    await hold()
    return leave(all)
  },
}
