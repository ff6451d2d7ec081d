import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CommandTarget, commandTarget, type Places } from './command.js'
import { missingTools, tool } from './tool.js'

const NAME = 'bench.localhost'

/** frp as a person would use it in our place: virtual hosts over HTTP, one of them ours. */
export const frp = commandTarget(
  {
    name: 'frp',
    ...commands(
      ({ visitorPort }) => `vhostHTTPPort = ${visitorPort}`,
      () => `type = "http"\ncustomDomains = ["${NAME}"]`,
    ),
    host: NAME,
  },
  'controlPort',
)

/** frp without HTTP: a public port for the app, bytes as they are. */
export const frpTcp = commandTarget(
  {
    name: 'frp-tcp',
    ...commands(
      () => '',
      ({ visitorPort }) => `type = "tcp"\nremotePort = ${visitorPort}`,
    ),
  },
  'controlPort',
)

/** Everything else is frp's default: one connection for all streams, TLS between client and server. */
function commands(
  ofServer: (places: Places) => string,
  ofProxy: (places: Places) => string,
): Pick<CommandTarget, 'missing' | 'prepare' | 'server' | 'agent'> {
  return {
    missing: () => missingTools('frps', 'frpc'),
    async prepare(places) {
      const { dir, path, controlPort } = places
      writeFileSync(
        join(dir, 'frps.toml'),
        `
bindAddr = "${path.nearHost}"
bindPort = ${controlPort}
log.level = "error"
${ofServer(places)}
`,
      )
    },
    server: ({ dir }) => [tool('frps'), '-c', join(dir, 'frps.toml')],
    agent(places) {
      const { dir, path, dial, originPort } = places
      const file = join(dir, 'frpc.toml')
      writeFileSync(
        file,
        `
serverAddr = "${dial.host}"
serverPort = ${dial.port}
log.level = "error"

[[proxies]]
name = "bench"
localIP = "${path.farHost}"
localPort = ${originPort}
${ofProxy(places)}
`,
      )
      return [tool('frpc'), '-c', file]
    },
  }
}
