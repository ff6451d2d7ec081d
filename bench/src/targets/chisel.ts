import { commandTarget } from './command.js'
import { missingTools, tool } from './tool.js'

/** A public port for the app, over SSH inside one WebSocket. */
export const chisel = commandTarget(
  {
    name: 'chisel',
    missing: () => missingTools('chisel'),
    server: ({ path, controlPort }) => [
      ...[tool('chisel'), 'server', '--reverse', '--host', path.nearHost, '--port', String(controlPort)],
    ],
    agent: ({ path, dial, visitorPort, originPort }) => [
      ...[tool('chisel'), 'client', `http://${dial.host}:${dial.port}`],
      `R:${path.nearHost}:${visitorPort}:${path.farHost}:${originPort}`,
    ],
  },
  'controlPort',
)
