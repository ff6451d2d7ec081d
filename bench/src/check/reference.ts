import { fileURLToPath } from 'node:url'
import { commandTarget } from '../targets/command.js'

const RELAY = [process.execPath, fileURLToPath(new URL('relay.js', import.meta.url))]

/** Two processes that pass on bytes: as many connections and as much of the kernel's work as a tunnel has, and next to nothing else. */
export const reference = commandTarget({
  name: 'relay',
  missing: async () => undefined,
  server: ({ visitorPort, controlPort }) => [...RELAY, String(visitorPort), String(controlPort)],
  agent: ({ controlPort, originPort }) => [...RELAY, String(controlPort), String(originPort)],
})
