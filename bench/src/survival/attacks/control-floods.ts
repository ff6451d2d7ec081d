import { FrameType } from 'tunnel-protocol'
import { tally } from '../crowd.js'
import { control, frame, Rogue } from '../rogue.js'
import type { Attack } from '../scene.js'

/** Frames sent at once. */
const BLOCK = 1_000

/** Of what is not read: 44 MB, more than sockets and a session can hold. */
const UNREAD_BLOCKS = 600

interface Flood {
  block: Buffer
  /** The agent does not read what it causes. */
  unread: boolean
}

const floods: Flood[] = [
  { block: repeat(control({ type: 'leave' })), unread: false },
  { block: repeat(control({ type: 'unknown', value: 'x'.repeat(100) })), unread: false },
  { block: repeat(frame(FrameType.Ping, 0)), unread: false },
  { block: repeat(frame(FrameType.Ping, 0, Buffer.alloc(64))), unread: true },
  { block: repeat(frame(FrameType.Pong, 0)), unread: false },
  { block: repeat(frame(0x7f, 1, 'x')), unread: false },
]

/** Sessions that send frames which cost them little, and which the server has to answer or to skip. */
export const controlFloods: Attack = {
  name: 'control-floods',
  title: 'thousand frames of control, PING, PONG and unknown types from each of 6 sessions',
  count: { full: 500, quick: 100 },
  async run({ port }, count) {
    const outcomes = await Promise.all(
      floods.map(async ({ block, unread }, index) => {
        const rogue = await Rogue.bound(port, `flood-${index}`)
        if (unread) rogue.socket.pause()
        await rogue.pour(block, unread ? UNREAD_BLOCKS : count)
        if (!unread) return rogue.over ? rogue.outcome : rogue.leave().then(() => 'taken')
        rogue.socket.resume()
        return rogue.outcome
      }),
    )
    return tally(outcomes)
  },
}

function repeat(bytes: Buffer): Buffer {
  return Buffer.concat(Array<Buffer>(BLOCK).fill(bytes))
}
