import { createRequire } from 'node:module'
import { isDeepStrictEqual } from 'node:util'
import { type Logger, settingName, silentLogger } from 'tunnel-protocol'
import { createDecisions } from './decisions.js'
import { type ServerOptions, serverOptions, serverOptionsFrom } from './options.js'
import { readSettings, takeOver } from './readings.js'
import { Directory } from './registry/directory.js'
import { createTraffic } from './traffic.js'

export interface TunnelServer {
  /** The port it listens on. */
  readonly port: number
  /** Public URL of the bare domain, without a slash at its end. */
  readonly url: string
  /** No token is wanted: everyone who reaches the server may open tunnels. */
  readonly open: boolean
  /** Visitor connections right now. */
  readonly connectionCount: number
  /**
   * Take nothing new, tell the agents, let open requests end for `drainMs`, end the rest (WebSockets with 1012, what has no answer yet with 503),
   * and close. Default: the option `drainMs`.
   */
  close(drainMs?: number): Promise<void>
  /**
   * Take over what can be changed while the server runs; what is open stays as it is, but for agents whose token is gone: their sessions end.
   * Returns the settings that differ and wait for the next start. Throws TUN_ERR_OPTION for what can't be, and then nothing has changed.
   */
  reload(given: Partial<ServerOptions>): string[]
}

/** What is decided once. */
const FIXED = ['domain', 'port', 'host', 'publicUrl', 'dataDir', 'logFormat'] as const satisfies Array<
  keyof ServerOptions
>

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
export const SOFTWARE = `tunnel-server/${version}`

/**
 * Builds every part and connects them; nothing else knows all parts. `inherited`: file descriptors of listening sockets, in place of
 * the options `port` and `host`. Throws TUN_ERR_OPTION.
 */
export async function createTunnelServer(
  given: Partial<ServerOptions> = {},
  logger: Logger = silentLogger,
  inherited: number[] = [],
): Promise<TunnelServer> {
  const options = serverOptionsFrom(given)
  let readings = readSettings(options)
  let { port, drainMs } = options
  const publicUrl = () => publicUrlOf(options, port)
  const directory = new Directory()
  const decisions = createDecisions(options, logger, {
    onGiven: (name) => directory.add(name),
    onFree: (name) => directory.remove(name),
  })
  const { authority } = decisions
  const traffic = await createTraffic(options, readings, {
    authority,
    directory,
    logger,
    software: SOFTWARE,
    publicUrl,
    totals: () => ({
      tunnels: directory.online,
      sessions: authority.sessionCount,
      uptimeSeconds: Math.floor(process.uptime()),
    }),
  })
  port = await traffic.listen({ ...options, inherited })

  let closing: Promise<void> | undefined
  const close = async (ms: number) => {
    await decisions.close()
    await traffic.drain(ms)
    await traffic.close()
  }
  return {
    port,
    url: publicUrl(),
    open: readings.tokens.length === 0,
    get connectionCount() {
      return traffic.connectionCount
    },
    close(ms = drainMs) {
      closing ??= close(ms)
      return closing
    },
    reload(given) {
      const fresh = serverOptionsFrom(given)
      const taken = takeOver(readings, readSettings(fresh))
      // Nothing here can fail any more.
      readings = taken.readings
      drainMs = fresh.drainMs
      decisions.apply(fresh)
      traffic.apply(fresh, readings)
      const later = [...FIXED.filter((key) => !isDeepStrictEqual(fresh[key], options[key])), ...taken.later]
      return later.map((key) => settingName(key, serverOptions[key]))
    },
  }
}

function publicUrlOf(options: ServerOptions, port: number): string {
  const { publicUrl, domain } = options
  if (publicUrl !== undefined) {
    const url = new URL(publicUrl)
    return `${url.protocol}//${domain}${url.port === '' ? '' : `:${url.port}`}`
  }
  if (options.tlsCert !== undefined) return `https://${domain}${port === 443 ? '' : `:${port}`}`
  return domain === 'localhost' ? `http://localhost:${port}` : `https://${domain}`
}
