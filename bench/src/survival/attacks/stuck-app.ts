import { withApp } from '../app.js'
import type { Attack, Scene, Tally } from '../scene.js'
import { leave, visitors } from '../visitor.js'

/** Of each upload; what the tunnel holds of it has to be far less. */
const BODY_BYTES = 8 * 1_024 * 1_024
const PART = Buffer.alloc(64 * 1_024, 'x')
const CHUNKS = Buffer.from('1\r\nx\r\n'.repeat(10_000))

/** Uploads to an app that takes connections and reads nothing. */
export const stuckApp: Attack = {
  name: 'stuck-app',
  title: 'uploads to an app that does not read',
  count: { full: 200, quick: 50 },
  run: (scene, count) => upload(scene, 'stuck-app', count, `Content-Length: ${BODY_BYTES}`, PART),
}

/** The same in chunks of one byte: whoever keeps each by itself pays a hundred times for it. */
export const tinyChunks: Attack = {
  name: 'tiny-chunks',
  title: 'uploads in chunks of one byte to an app that does not read',
  count: { full: 50, quick: 10 },
  run: (scene, count) => upload(scene, 'tiny-chunks', count, 'Transfer-Encoding: chunked', CHUNKS),
}

function upload(scene: Scene, name: string, count: number, framing: string, part: Buffer): Promise<Tally> {
  return withApp(
    (socket) => socket.pause(),
    async (appPort) => {
      const host = await scene.tunnel(name, appPort)
      const all = visitors(count, scene.port)
      for (const visitor of all) {
        visitor.send(`POST / HTTP/1.1\r\nHost: ${host}\r\n${framing}\r\n\r\n`)
        visitor.pour(part, BODY_BYTES)
      }
      await scene.hold()
      return leave(all)
    },
  )
}
