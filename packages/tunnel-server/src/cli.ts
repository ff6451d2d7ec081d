import {
  addOptions,
  type CommandLogger,
  createLogger,
  givenFlags,
  notifyReady,
  runProgram,
  stopOnSignals,
} from 'tunnel-command'
import { type GivenFlags, TunnelError } from 'tunnel-protocol'
import { addAccountCommands } from './cli/account-commands.js'
import { addBackupCommand } from './cli/backup-command.js'
import { readOptions } from './cli/read-options.js'
import { takeInheritedSockets } from './inherited-sockets.js'
import { type ServerOptions, serverOptions } from './options.js'
import { createTunnelServer } from './server.js'
import type { TunnelServer } from './tunnel-server.js'
import { SOFTWARE } from './version.js'

const EXAMPLES = `
Examples:
  tunnel-server                                   try it on this machine: http://localhost:8000
  tunnel-server --domain tunnel.example.com       behind a proxy that brings TLS (see docs/operating.md)
  tunnel-server account add alice                 somebody who may open tunnels …
  tunnel-server token create alice                … and what to give to alice: it is printed this once
  tunnel-server token list; tunnel-server ban alice --reason 'your laptop was stolen'
  tunnel-server backup /var/backups/tunnel.db     accounts, tokens and audit, while the server runs

Without a command it is the server that runs. The commands take --data-dir and --config, and find what it keeps as it does.
Flags with an env name can be set in the environment as well, all of them in the file of --config; a flag wins, then the environment.
SIGHUP reads --config, --token-file and the certificate again; SIGTERM shuts down in order, a second one at once.
There is no flag for a token, because flags show in process lists: TUNNEL_TOKENS=one,two or --token-file for those without accounts.
`

/** The `tunnel-server` command. Returns only when the process may exit by itself. */
export async function main(argv: string[]): Promise<void> {
  await runProgram(argv, (program) => {
    program
      .name('tunnel-server')
      .description('The public side of a self-hosted tunnel: gives apps on other machines a URL here.')
      .version(SOFTWARE, '-V, --version', 'print the version')
      .addHelpText('after', EXAMPLES)
      .enablePositionalOptions() // what stands behind a command is the command's
    addOptions(program, serverOptions)
    addAccountCommands(program)
    addBackupCommand(program)
    program.action(async () => {
      const flags = givenFlags(program)
      const options = await readOptions(flags)
      const logger = await createLogger(options.logLevel, options.logFormat, process.stdout)
      const inherited = takeInheritedSockets(process.env, process.pid)
      const server = await createTunnelServer(options, logger, inherited)
      // Before anybody is told that it runs: a signal that nobody waits for would end it.
      process.on('SIGHUP', () => void reload(server, flags, logger))
      stopOnSignals((signal) => {
        logger.info({ signal, connections: server.connectionCount }, 'shutting down; once more to stop at once')
        return server.close()
      })
      logger.info(
        { url: server.url, port: server.port, domain: options.domain },
        `tunnel-server is ready on ${server.url}`,
      )
      sayWhoMayEnter(server, options, logger)
      notifyReady(process.env, (reason) =>
        logger.warn({ reason }, 'systemd could not be told that the server is ready'),
      )
    })
  })
}

function sayWhoMayEnter({ access }: TunnelServer, { domain, dataDir }: ServerOptions, logger: CommandLogger): void {
  if (access === 'everyone' && domain !== 'localhost') {
    logger.warn({}, 'everyone who reaches this server can open tunnels (--open)')
  }
  if (access !== 'nobody') return
  const folder = dataDir || process.env.STATE_DIRECTORY?.split(':')[0]
  const where = folder ? ` --data-dir ${folder}` : ''
  logger.warn(
    {},
    `nobody can open a tunnel yet; the first token: tunnel-server account add me${where} && tunnel-server token create me${where}`,
  )
}

/** Read everything again: files may have changed, and of what they say most can be taken over. */
async function reload(server: TunnelServer, flags: GivenFlags, logger: CommandLogger): Promise<void> {
  const { level } = logger
  try {
    const options = await readOptions(flags)
    logger.level = options.logLevel
    const later = server.reload(options)
    if (later.length === 0) logger.info({}, 'configuration read again')
    else logger.warn({ settings: later }, 'configuration read again; some settings change with the next start only')
  } catch (error) {
    logger.level = level
    logger.error(
      { reason: TunnelError.from(error).detail },
      'the configuration cannot be used, everything stays as it was',
    )
  }
}
