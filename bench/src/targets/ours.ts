import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LOOPBACK } from '../process/ports.js'
import { commandTarget } from './command.js'
import type { Target } from './target.js'

const SERVER = bin('tunnel-server/bin/tunnel-server.js')
const AGENT = bin('tunnel-client/bin/tunnel.js')

/** The commands of this repository as a person would start them, only their logs are kept short. */
export const ours = ourTarget('ours')

/** The same under another name, with more flags for the server. */
export function ourTarget(name: string, moreArgs: string[] = []): Target {
  return commandTarget({
    name,
    missing: async () => ([SERVER, AGENT].every((path) => existsSync(path)) ? undefined : 'the packages are not there'),
    server: ({ path, visitorPort, profileDir, serverArgs = [], nodeArgs = [] }) => [
      ...[...node(profileDir, 'server'), ...nodeArgs, ...serverCommand(visitorPort), '--host', path.nearHost],
      ...[...moreArgs, ...serverArgs],
    ],
    agent: ({ path, dial, originPort, profileDir, nodeArgs = [] }) => [
      ...[...node(profileDir, 'agent'), ...nodeArgs],
      ...agentCommand(dial.port, 'bench', originPort, { server: dial.host, app: path.farHost }),
    ],
    host: 'bench.localhost',
  })
}

/** What follows `node` to start tunnel-server. */
export function serverCommand(port: number): string[] {
  return [
    ...[SERVER, '--domain', 'localhost', '--port', String(port), '--log-level', 'warn', '--drain', '1s'],
    ...['--data-dir', freshFolder()],
  ]
}

const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A server knows nothing of the runs before. */
function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tunnel-bench-'))
  folders.push(folder)
  return folder
}

/** What follows `node` to share the app on `originPort` as `<name>.localhost`. */
export function agentCommand(
  serverPort: number,
  name: string,
  originPort: number,
  hosts = { server: LOOPBACK, app: LOOPBACK },
): string[] {
  return [
    ...[AGENT, '--port', String(originPort), '--local-host', hosts.app, '--subdomain', name],
    ...['--server', `http://${hosts.server}:${serverPort}`, '--log-level', 'warn'],
  ]
}

function bin(path: string): string {
  return fileURLToPath(new URL(`../../../packages/${path}`, import.meta.url))
}

function node(profileDir: string | undefined, role: string): string[] {
  if (profileDir === undefined) return [process.execPath]
  const name = `${role}-${process.pid}-${Date.now()}.cpuprofile`
  return [process.execPath, '--cpu-prof', `--cpu-prof-dir=${profileDir}`, `--cpu-prof-name=${name}`]
}
