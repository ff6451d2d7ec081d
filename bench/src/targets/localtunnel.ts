import { existsSync } from 'node:fs'
import { commandTarget } from './command.js'

const server = process.env.BENCH_LOCALTUNNEL_SERVER
const client = process.env.BENCH_LOCALTUNNEL_CLIENT

/** The npm package and its server, both in JavaScript, from wherever they were installed outside this repository. */
export const localtunnel = commandTarget({
  name: 'localtunnel',
  async missing() {
    if (server === undefined || client === undefined) {
      return 'BENCH_LOCALTUNNEL_SERVER and BENCH_LOCALTUNNEL_CLIENT do not name its two scripts'
    }
    const absent = [server, client].filter((path) => !existsSync(path))
    return absent.length === 0 ? undefined : `${absent.join(', ')} not found`
  },
  server: ({ visitorPort }) => [
    ...[process.execPath, server ?? '', '--port', String(visitorPort), '--address', '127.0.0.1'],
    ...['--domain', 'localhost', '--max-sockets', '10'],
  ],
  agent: ({ visitorPort, originPort }) => [
    ...[process.execPath, client ?? '', '--host', `http://localhost:${visitorPort}`, '--subdomain', 'bench'],
    ...['--port', String(originPort), '--local-host', '127.0.0.1'],
  ],
  host: 'bench.localhost',
})
