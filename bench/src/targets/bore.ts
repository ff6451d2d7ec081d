import { commandTarget } from './command.js'
import { missingTools, tool } from './tool.js'

/** A public port for the app. bore lets nobody choose the port that its clients dial, so that two of them can't run at once. */
const CONTROL_PORT = 7_835

export const bore = commandTarget(
  {
    name: 'bore',
    missing: () => missingTools('bore'),
    server: () => [tool('bore'), 'server'],
    agent: ({ path, dial, visitorPort, originPort }) => [
      ...[tool('bore'), 'local', String(originPort), '--local-host', path.farHost],
      ...['--to', dial.host, '--port', String(visitorPort)],
    ],
    controlPort: CONTROL_PORT,
  },
  'controlPort',
)
