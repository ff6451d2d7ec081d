import { setTimeout as sleep } from 'node:timers/promises'
import { withApp } from '../app.js'
import type { Attack } from '../scene.js'
import { leave, visitors } from '../visitor.js'

const MAX_STREAMS = 64
const LOOK_EVERY_MS = 20

/** More requests at once than one agent may carry, to an app that answers none of them. */
export const tooManyRequests: Attack = {
  name: 'too-many-requests',
  title: `requests at once to a tunnel that carries ${MAX_STREAMS}`,
  count: { full: 500, quick: 200 },
  serverArgs: ['--max-streams', String(MAX_STREAMS)],
  run: (scene, count) =>
    withApp(
      () => {},
      async (appPort) => {
        const host = await scene.tunnel('hangs', appPort)
        const all = visitors(count, scene.port)
        for (const visitor of all) visitor.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
        while (all.filter(({ status }) => status !== undefined).length < count - MAX_STREAMS) await sleep(LOOK_EVERY_MS)
        await scene.hold()
        return leave(all)
      },
    ),
}
