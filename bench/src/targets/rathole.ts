import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { commandTarget } from './command.js'
import { missingTools, tool } from './tool.js'

/** A public port for the app, over plain TCP: a connection to the server for each visitor. */
export const rathole = commandTarget(
  {
    name: 'rathole',
    missing: () => missingTools('rathole'),
    async prepare({ dir, path, visitorPort, controlPort }) {
      writeFileSync(
        join(dir, 'server.toml'),
        `
[server]
bind_addr = "${path.nearHost}:${controlPort}"
[server.services.bench]
token = "bench"
bind_addr = "${path.nearHost}:${visitorPort}"
`,
      )
    },
    server: ({ dir }) => [tool('rathole'), '--server', join(dir, 'server.toml')],
    agent({ dir, path, dial, originPort }) {
      const file = join(dir, 'client.toml')
      writeFileSync(
        file,
        `
[client]
remote_addr = "${dial.host}:${dial.port}"
[client.services.bench]
token = "bench"
local_addr = "${path.farHost}:${originPort}"
`,
      )
      return [tool('rathole'), '--client', file]
    },
  },
  'controlPort',
)
