import { FrameType } from 'tunnel-protocol'
import { frame, Rogue } from '../rogue.js'
import type { Attack } from '../scene.js'
import { leave, Visitor } from '../visitor.js'

/** Frames sent at once, a megabyte of them. */
const BLOCK = 1_000

/** Interim responses cost no credit. Nobody reads these. */
export const interimFlood: Attack = {
  name: 'interim-flood',
  title: 'MB of interim responses to each of 4 visitors who do not read',
  count: { full: 100, quick: 20 },
  async run({ port }, count) {
    const rogue = await Rogue.bound(port, 'interim')
    const visitors = Array.from({ length: 4 }, () => new Visitor(port))
    for (const { socket } of visitors) {
      socket.pause()
      socket.write('GET / HTTP/1.1\r\nHost: interim.localhost\r\n\r\n')
    }
    await rogue.until(() => rogue.opened.length === visitors.length)
    const head = `HTTP/1.1 103 Early Hints\r\nLink: </${'x'.repeat(950)}>\r\n`
    const blocks = rogue.opened.map((stream) =>
      Buffer.concat(Array(BLOCK).fill(frame(FrameType.Interim, stream, head))),
    )
    for (const block of blocks) await rogue.pour(block, count)
    const outcomes = await leave(visitors)
    await rogue.leave()
    return outcomes
  },
}
