import { tally } from '../crowd.js'
import type { Attack } from '../scene.js'
import { Visitor } from '../visitor.js'

const BYTE_EVERY_MS = 1_000

const requests = [
  'POST /api/health HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{',
  'GET /api/health HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n',
  'GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nbehind',
  'GET /api/link HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
]

/** Bodies that do not come and refused upgrades that are not closed, on the server's own host; the server ends them all after 20 s. */
export const bareDomain: Attack = {
  name: 'bare-domain',
  title: 'unfinished requests and refused upgrades on the bare domain',
  count: { full: 400, quick: 100 },
  async run({ port }, count) {
    const all = Array.from({ length: count }, (_, index) => {
      const visitor = new Visitor(port, true)
      visitor.send(requests[index % requests.length]!)
      return visitor
    })
    // A connection that is gone and one that says nothing look alike, until something is sent on it.
    const timer = setInterval(() => {
      for (const visitor of all) if (!visitor.over) visitor.send('x')
    }, BYTE_EVERY_MS)
    const outcomes = await Promise.all(all.map(({ outcome }) => outcome))
    clearInterval(timer)
    return tally(outcomes)
  },
}
