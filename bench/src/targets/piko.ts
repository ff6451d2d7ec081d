import { commandTarget } from './command.js'
import { missingTools, tool } from './tool.js'

/** An HTTP endpoint of a single node, named in the Host. */
export const piko = commandTarget(
  {
    name: 'piko',
    missing: () => missingTools('piko'),
    server: ({ path, visitorPort, controlPort }) => [
      ...[tool('piko'), 'server', '--log.level', 'error', '--proxy.access-log.disable', '--proxy.timeout', '1h'],
      ...[
        '--proxy.bind-addr',
        `${path.nearHost}:${visitorPort}`,
        '--upstream.bind-addr',
        `${path.nearHost}:${controlPort}`,
      ],
      ...['--admin.bind-addr', '127.0.0.1:0', '--cluster.gossip.bind-addr', '127.0.0.1:0', '--grace-period', '1s'],
    ],
    agent: ({ path, dial, originPort }) => [
      ...[tool('piko'), 'agent', 'http', 'bench', `${path.farHost}:${originPort}`, '--timeout', '1h'],
      ...['--connect.url', `http://${dial.host}:${dial.port}`, '--log.level', 'error', '--access-log.disable'],
      ...['--server.enabled=false', '--grace-period', '1s'],
    ],
    host: 'bench.localhost',
  },
  'controlPort',
)
