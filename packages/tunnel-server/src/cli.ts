import { addOptions, createLogger, givenFlags, runProgram, stopOnSignals } from 'tunnel-command'
import { takeInheritedSockets } from './inherited-sockets.js'
import { readServerOptions, serverOptions } from './options.js'
import { createTunnelServer, SOFTWARE } from './server.js'

const EXAMPLES = `
Examples:
  tunnel-server                                   try it on this machine: http://localhost:8000
  tunnel-server --domain tunnel.example.com       behind a proxy that brings TLS (see docs/operating.md)
  TUNNEL_TOKENS=s3cret tunnel-server -d tunnel.example.com

Flags with an env name can be set in the environment as well; a flag wins.
Tokens: TUNNEL_TOKENS=one,two or --token-file. There is no flag for them, because flags show in process lists.
`

/** The `tunnel-server` command. Returns only when the process may exit by itself. */
export async function main(argv: string[]): Promise<void> {
  await runProgram(argv, (program) => {
    program
      .name('tunnel-server')
      .description('The public side of a self-hosted tunnel: gives apps on other machines a URL here.')
      .version(SOFTWARE, '-V, --version', 'print the version')
      .addHelpText('after', EXAMPLES)
    addOptions(program, serverOptions)
    program.action(async () => {
      const options = readServerOptions(givenFlags(program))
      const logger = await createLogger(options.logLevel, options.logFormat, process.stdout)
      const inherited = takeInheritedSockets(process.env, process.pid)
      const server = await createTunnelServer(options, logger, inherited)
      logger.info(
        { url: server.url, port: server.port, domain: options.domain },
        `tunnel-server is ready on ${server.url}`,
      )
      if (server.open && options.domain !== 'localhost') {
        logger.warn(
          {},
          'no tokens are set: everyone who reaches this server can open tunnels (set TUNNEL_TOKENS or --token-file)',
        )
      }
      stopOnSignals((signal) => {
        logger.info({ signal, connections: server.connectionCount }, 'shutting down; once more to stop at once')
        return server.close()
      })
    })
  })
}
