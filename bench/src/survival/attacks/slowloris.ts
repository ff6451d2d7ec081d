import { tally } from '../crowd.js'
import type { Attack } from '../scene.js'
import { visitors } from '../visitor.js'

const BYTE_EVERY_MS = 250

/** Heads that come byte by byte: the time-out is one for the whole head, and no byte prolongs it. */
export const slowloris: Attack = {
  name: 'slowloris',
  title: 'connections that send a head a byte at a time',
  count: { full: 1_000, quick: 200 },
  serverArgs: ['--head-timeout', '3s'],
  async run({ port, victim }, count) {
    const all = visitors(count, port)
    const head = `GET / HTTP/1.1\r\nHost: ${victim}\r\nX-Slow: ${'x'.repeat(10_000)}`
    let sent = 0
    const timer = setInterval(() => {
      for (const visitor of all) if (!visitor.over) visitor.send(head.charAt(sent))
      sent++
    }, BYTE_EVERY_MS)
    const outcomes = await Promise.all(all.map(({ outcome }) => outcome))
    clearInterval(timer)
    return tally(outcomes)
  },
}
