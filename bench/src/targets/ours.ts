import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { commandTarget } from './command.js'

const SERVER = bin('tunnel-server/bin/tunnel-server.js')
const AGENT = bin('tunnel-client/bin/tunnel.js')

/** The commands of this repository as a person would start them, only their logs are kept short. */
export const ours = commandTarget({
  name: 'ours',
  missing: async () => ([SERVER, AGENT].every((path) => existsSync(path)) ? undefined : 'the packages are not there'),
  server: ({ visitorPort, profileDir }) => [
    ...[...node(profileDir, 'server'), SERVER, '--domain', 'localhost', '--port', String(visitorPort)],
    ...['--log-level', 'warn', '--drain', '1s'],
  ],
  agent: ({ visitorPort, originPort, profileDir }) => [
    ...[...node(profileDir, 'agent'), AGENT, '--port', String(originPort), '--local-host', '127.0.0.1'],
    ...['--subdomain', 'bench', '--server', `http://127.0.0.1:${visitorPort}`, '--log-level', 'warn'],
  ],
  host: 'bench.localhost',
})

function bin(path: string): string {
  return fileURLToPath(new URL(`../../../packages/${path}`, import.meta.url))
}

function node(profileDir: string | undefined, role: string): string[] {
  if (profileDir === undefined) return [process.execPath]
  const name = `${role}-${process.pid}-${Date.now()}.cpuprofile`
  return [process.execPath, '--cpu-prof', `--cpu-prof-dir=${profileDir}`, `--cpu-prof-name=${name}`]
}
