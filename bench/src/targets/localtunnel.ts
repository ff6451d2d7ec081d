import { commandTarget } from './command.js'

/** It finds no name in hosts without a public suffix, as bench.localhost is. Nobody looks this one up. */
const DOMAIN = 'tunnel.example.com'

/** `node -r …/esm …/bin/server`: the words of a command, none of which may hold a space. */
const server = words('BENCH_LOCALTUNNEL_SERVER')
const client = words('BENCH_LOCALTUNNEL_CLIENT')

/** The npm package and its server, both in JavaScript, from wherever they were installed outside this repository. */
export const localtunnel = commandTarget({
  name: 'localtunnel',
  async missing() {
    if (server.length > 0 && client.length > 0) return undefined
    return 'BENCH_LOCALTUNNEL_SERVER and BENCH_LOCALTUNNEL_CLIENT do not hold its two commands'
  },
  server: ({ path, visitorPort }) => [
    ...[...server, '--port', String(visitorPort), '--address', path.nearHost, '--domain', DOMAIN],
  ],
  agent: ({ path, dial, originPort }) => [
    ...[...client, '--host', `http://${dial.host}:${dial.port}`, '--subdomain', 'bench'],
    ...['--port', String(originPort), '--local-host', path.farHost],
  ],
  host: `bench.${DOMAIN}`,
  // Ten connections at once: an eleventh visitor who means to stay waits for ever.
  unable: ['ws-100'],
})

function words(variable: string): string[] {
  return (process.env[variable] ?? '').split(' ').filter((word) => word !== '')
}
