import { addOptions, createLogger, givenFlags, runProgram, stopOnSignals } from 'tunnel-command'
import { TunnelError } from 'tunnel-protocol'
import { addCommands } from './cli/commands.js'
import { openBrowser } from './cli/open-browser.js'
import { showTunnel } from './cli/output.js'
import { hideSecrets, readToken, readUsers } from './cli/secrets.js'
import { readSettings } from './cli/settings.js'
import { clientOptions } from './options.js'
import { chooseServer, withLoginHint } from './servers/choose.js'
import { ServersFile } from './servers/servers-file.js'
import { SOFTWARE, Tunnel } from './tunnel.js'

const EXAMPLES = `
Examples:
  tunnel 8080                                     share http://localhost:8080 under a random name
  tunnel -p 8080 -s myname                        … as https://myname.<domain of your server>
  tunnel http 192.168.1.20:3000 --host-header rewrite
  tunnel https://localhost:8443                   an app that speaks HTTPS
  tunnel --unix /run/app.sock                     an app on a Unix socket; unix:/run/app.sock is the same
  TUNNEL_SERVER=https://tunnel.example.com TUNNEL_TOKEN=… tunnel 8080
  tunnel login https://tunnel.example.com         keep server and token, so that the others need neither

Flags with an env name can be set in the environment as well, all of them in the file of --config; a flag wins, then the environment,
then the file, then what "tunnel login" has kept. The public URL is the only thing on stdout, logs go to stderr.

Exit codes: 0 after Ctrl-C, 64 unknown flag, 65 invalid name, 69 a proxy says no, 73 name taken, 75 too many agents or tunnels of this account,
76 no tunnel-server or another version, 77 token refused, 78 unusable value or rule.
`

/** The `tunnel` command. */
export async function main(argv: string[]): Promise<void> {
  hideSecrets(argv, clientOptions, 'tunnel')
  await runProgram(argv, (program) => {
    program
      .name('tunnel')
      .description('Share a local app on a public URL, through your own tunnel-server.')
      .version(SOFTWARE, '-V, --version', 'print the version')
      .argument('[target...]', 'port, host:port or URL of the local app, or unix:<path>; "http" in front is allowed')
      .usage('[http] [target] [options]')
      .addHelpText('after', EXAMPLES)
    addOptions(program, clientOptions)
    addCommands(program)
    program.action(async (words: string[]) => {
      const { options, rules } = await readSettings(givenFlags(program))
      const logger = await createLogger(options.logLevel, options.logFormat, process.stderr)
      const choice = chooseServer({ server: options.server, token: readToken(options.token, options.tokenFile) }, () =>
        new ServersFile().read(),
      )
      const tunnel = new Tunnel({
        target: targetArgument(words),
        port: options.port,
        subdomain: options.subdomain,
        force: options.force,
        pool: options.pool,
        links: options.links,
        server: choice.server,
        token: choice.token,
        proxy: options.proxy,
        ca: options.ca,
        localHost: options.localHost,
        unix: options.unix,
        localHttps: options.localHttps,
        originCa: options.originCa,
        originServerName: options.originServerName,
        hostHeader: options.hostHeader,
        waitForOriginMs: options.waitForOriginMs,
        allowIp: given(options.allowIp),
        denyIp: given(options.denyIp),
        basicAuth: readUsers(options.basicAuth, options.basicAuthFile),
        password: options.password,
        rules,
        pingIntervalMs: options.pingIntervalMs,
        pingDeadlineMs: options.pingDeadlineMs,
      })
      showTunnel(tunnel, logger, {
        json: options.json,
        printRequests: options.printRequests || process.stderr.isTTY === true,
      })
      if (options.open) {
        tunnel.once('online', ({ url }) =>
          openBrowser(url, (reason) => logger.warn({ reason }, 'no browser could be opened')),
        )
      }
      stopOnSignals(async () => {
        if (tunnel.openRequests > 0)
          logger.info({ open: tunnel.openRequests }, 'waiting for open requests; Ctrl-C again to leave at once')
        await tunnel.close()
        logger.info({}, 'closed')
      })
      await untilClosed(tunnel).catch((error: unknown) => {
        throw withLoginHint(error, choice)
      })
    })
  })
}

/** A list that was not given at all is none. */
function given(list: string[]): string[] | undefined {
  return list.length === 0 ? undefined : list
}

/** Resolves after close(); rejects with what the server refused us for. */
function untilClosed(tunnel: Tunnel): Promise<void> {
  return new Promise((resolve, reject) => {
    tunnel.once('close', (error) => (error === undefined ? resolve() : reject(error)))
    tunnel.start()
  })
}

/** `8080`, or `http 8080` as ngrok users write it. */
function targetArgument(words: string[]): string | undefined {
  const [first, second] = words
  const scheme = first === 'http' || first === 'https' ? first : undefined
  const extra = words[scheme === undefined ? 1 : 2]
  if (extra !== undefined) throw new TunnelError('TUN_ERR_OPTION', `unexpected argument "${extra}"`)
  if (scheme === undefined || second === undefined) return scheme === undefined ? first : second
  if (scheme === 'http' || /^https?:\/\//.test(second)) return second
  if (second.startsWith('unix:')) return `https+${second}`
  return `https://${/^[0-9]+$/.test(second) ? 'localhost:' : ''}${second}`
}
