import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import { type Logger, settingName, silentLogger, TunnelError, WindowBudget } from 'tunnel-protocol'
import { AccountSessions } from './accounts/sessions.js'
import { readTokenFile, TokenList } from './accounts/tokens.js'
import { createApi } from './api/app.js'
import type { ControlContext } from './control/agent-session.js'
import { ControlEndpoint } from './control/endpoint.js'
import type { EdgeLimits } from './edge/limits.js'
import { EdgeListener } from './edge/listener.js'
import { readCertificate } from './edge/secure.js'
import { type ServerOptions, serverOptions, serverOptionsFrom } from './options.js'
import { trustedProxies } from './policy/trusted-proxies.js'
import { Claims } from './registry/claims.js'
import { TunnelRegistry } from './registry/tunnels.js'
import { dataFolder } from './store/data-folder.js'
import { claimKey } from './store/key-file.js'
import { NameStore, readNames } from './store/name-store.js'

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

/** What the windows of all sessions may grow by together, beyond what each stream has to begin with. */
const GROWTH_BUDGET_BYTES = 128 * 1024 * 1024
/** Time for what is known to be written before a shutdown goes on. */
const LAST_WRITE_MS = 2_000

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
  const tokens = new TokenList(readTokens(options))
  const accountSessions = new AccountSessions(options.maxSessionsPerAccount)
  const folder = usableFolder(options.dataDir, logger)
  const registry: TunnelRegistry = new TunnelRegistry({
    leaseMs: options.leaseMs,
    maxTunnelsPerAccount: options.maxTunnelsPerAccount,
    ...(folder === undefined ? {} : { claims: new Claims(claimKey(folder)), names: readNames(folder) }),
    onChange: () => names?.changed(),
  })
  const names = folder === undefined ? undefined : new NameStore(folder, () => registry.records(), logger)
  let isTrusted = trustedProxies(options.trustProxy)
  let port = options.port
  const publicUrl = () => publicUrlOf(options, port)
  const controlContext: ControlContext = {
    ...controlSettings(options),
    registry,
    tokens,
    accountSessions,
    growthBudget: new WindowBudget(GROWTH_BUDGET_BYTES),
    isTrusted: (address) => isTrusted(address),
    logger,
    software: SOFTWARE,
    whenSaved: (then) => (names === undefined ? then() : names.whenSaved(then)),
    urlOf: (name) => publicUrl().replace('://', `://${name}.`),
  }
  const control = new ControlEndpoint(controlContext)
  const api = await createApi({
    domain: options.domain,
    registry,
    software: SOFTWARE,
    sessionCount: () => control.sessionCount,
    publicUrl,
    onUpgrade: control.onUpgrade,
  })
  const limits = edgeLimits(options)
  const edge = new EdgeListener({
    domain: options.domain,
    port: options.port,
    host: options.host,
    inherited,
    certificate: readCertificate(options.tlsCert, options.tlsKey),
    isTrusted: (address) => isTrusted(address),
    limits,
    registry,
    accessLog: accessLog(options, logger),
    handOver: (socket, bytes) => api.take(socket, bytes),
  })
  port = await edge.listen()

  let closing: Promise<void> | undefined
  let drain = options.drainMs
  const close = async (drainMs: number) => {
    // Once the agents are told, the files are a successor's. A disk that is stuck does not keep us.
    if (names !== undefined) await Promise.race([names.close(), sleep(LAST_WRITE_MS, undefined, { ref: false })])
    control.drain()
    await edge.drain(drainMs)
    await edge.evict()
    control.close()
    await api.close()
    await edge.close()
  }
  return {
    port,
    url: publicUrl(),
    open: tokens.open,
    get connectionCount() {
      return edge.connectionCount
    },
    close(drainMs = drain) {
      closing ??= close(drainMs)
      return closing
    },
    reload(given) {
      const fresh = serverOptionsFrom(given)
      const list = readTokens(fresh)
      const certificate = readCertificate(fresh.tlsCert, fresh.tlsKey)
      const trusted = trustedProxies(fresh.trustProxy)
      const later: string[] = FIXED.filter((key) => !isDeepStrictEqual(fresh[key], options[key]))
      // Nothing here can fail any more.
      if ((certificate === undefined) === (edge.certificate === undefined)) edge.certificate = certificate
      else later.push('tlsCert')
      if (list.length > 0 || tokens.open) tokens.replace(list)
      else later.push('tokens') // a slip of the pen must not open the server to everyone
      isTrusted = trusted
      drain = fresh.drainMs
      accountSessions.max = fresh.maxSessionsPerAccount
      registry.leaseMs = fresh.leaseMs
      registry.maxTunnelsPerAccount = fresh.maxTunnelsPerAccount
      Object.assign(limits, edgeLimits(fresh))
      Object.assign(controlContext, controlSettings(fresh))
      edge.settings.accessLog = accessLog(fresh, logger)
      control.endUnknown()
      return later.map((key) => settingName(key, serverOptions[key as keyof ServerOptions]))
    },
  }
}

function readTokens({ tokens, tokenFile }: ServerOptions): string[] {
  return [...tokens, ...(tokenFile === undefined ? [] : readTokenFile(tokenFile))]
}

/** Undefined where only the default can't be used: everything is kept in memory then. */
function usableFolder(given: string | undefined, logger: Logger): string | undefined {
  try {
    return dataFolder(given)
  } catch (error) {
    if (given) throw error
    const reason = TunnelError.from(error).detail
    logger.warn({ reason }, 'names and claims are kept in memory only, and are lost with this process; set --data-dir')
    return undefined
  }
}

function controlSettings({ maxStreams, pingIntervalMs, pingDeadlineMs, resumeGraceMs }: ServerOptions) {
  return { maxStreams, pingIntervalMs, pingDeadlineMs, resumeGraceMs }
}

/** Where requests are logged, if anywhere. */
function accessLog(options: ServerOptions, logger: Logger): Logger | undefined {
  return options.accessLog || logger.isLevelEnabled?.('debug') ? logger : undefined
}

function edgeLimits(options: ServerOptions): EdgeLimits {
  return { ...options, maxFields: options.maxHeaders, maxTargetBytes: options.maxUrlBytes }
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
