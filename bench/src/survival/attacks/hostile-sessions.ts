import { randomBytes, randomInt } from 'node:crypto'
import { FrameType } from 'tunnel-protocol'
import { crowd } from '../crowd.js'
import { frame, Rogue } from '../rogue.js'
import type { Attack } from '../scene.js'
import { Visitor } from '../visitor.js'

const AT_ONCE = 8
/** But GO_AWAY, which a server does not answer. */
const types = Object.values(FrameType).filter((type) => type !== FrameType.GoAway)
/** More than sockets can hold, whose visitor does not read. */
const UNREAD_FRAMES = 640
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n'

function randomFrame(): Buffer {
  return frame(types[randomInt(types.length)]!, randomInt(4), randomBytes(randomInt(100)))
}

/** What to send on the one open stream of a session, whose visitor waits. */
const kinds: Array<(stream: number) => Buffer | Buffer[]> = [
  () => randomBytes(65_536),
  (stream) => Buffer.concat([...Array.from({ length: 200 }, randomFrame), frame(FrameType.Data, stream + 9)]),
  (stream) => frame(FrameType.Data, stream + 1, 'for a stream never opened'),
  (stream) => frame(FrameType.Head, stream + 7, OK),
  () => frame(FrameType.Open, 9, Buffer.from('0100000001474554202f20485454502f312e310d0a', 'hex')),
  (stream) => Buffer.concat([frame(FrameType.Head, stream, OK), frame(FrameType.Head, stream, OK)]),
  (stream) => frame(FrameType.Data, stream, 'a body before its head'),
  (stream) => Buffer.concat(Array(3).fill(frame(FrameType.Credit, stream, Buffer.from('7fffffff', 'hex')))),
  (stream) => [
    frame(FrameType.Head, stream, 'HTTP/1.1 200 OK\r\n'),
    ...Array<Buffer>(UNREAD_FRAMES).fill(frame(FrameType.Data, stream, Buffer.alloc(65_536))),
  ],
  (stream) => frame(FrameType.Data, stream, '', 0xffff_ffff),
  (stream) => frame(FrameType.Head, stream, '', 0x4000_0000),
  () => frame(FrameType.Ping, 0, Buffer.alloc(65)),
  () => frame(FrameType.Control, 0, '{"type":'),
  () => frame(FrameType.GoAway, 0, 'x'),
]

/** Sessions in a row that open a tunnel and then break the protocol, each while a visitor waits for an answer. */
export const hostileSessions: Attack = {
  name: 'hostile-sessions',
  title: 'sessions that break the protocol, each in one of 14 ways',
  count: { full: 1_000, quick: 140 },
  serverArgs: ['--lease', '2s', '--max-tunnels-per-account', '10000'],
  run: ({ port }, count) =>
    crowd(count, AT_ONCE, async (index) => {
      const name = `rogue-${index}`
      const rogue = await Rogue.bound(port, name)
      const visitor = new Visitor(port)
      visitor.socket.pause() // so that credit runs out where it should
      visitor.send(`GET / HTTP/1.1\r\nHost: ${name}.localhost\r\nConnection: close\r\n\r\n`)
      await rogue.until(() => rogue.opened.length > 0)
      for (const bytes of [kinds[index % kinds.length]!(rogue.opened[0]!)].flat()) await rogue.pour(bytes, 1)
      const outcome = await rogue.outcome
      visitor.socket.destroy()
      return outcome
    }),
}
