import { createRequire } from 'node:module'
import { type Logger, silentLogger, WindowBudget } from 'tunnel-protocol'
import { AccountSessions } from './accounts/sessions.js'
import { readTokenFile, TokenList } from './accounts/tokens.js'
import { createApi } from './api/app.js'
import { ControlEndpoint } from './control/endpoint.js'
import type { EdgeLimits } from './edge/limits.js'
import { EdgeListener } from './edge/listener.js'
import { readCertificate } from './edge/secure.js'
import { type ServerOptions, serverOptionsFrom } from './options.js'
import { trustedProxies } from './policy/trusted-proxies.js'
import { TunnelRegistry } from './registry/tunnels.js'

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
}

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
export const SOFTWARE = `tunnel-server/${version}`

/** What the windows of all sessions may grow by together, beyond what each stream has to begin with. */
const GROWTH_BUDGET_BYTES = 128 * 1024 * 1024

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
  const tokens = new TokenList([
    ...options.tokens,
    ...(options.tokenFile === undefined ? [] : readTokenFile(options.tokenFile)),
  ])
  const certificate = readCertificate(options.tlsCert, options.tlsKey)
  const registry = new TunnelRegistry({
    leaseMs: options.leaseMs,
    maxTunnelsPerAccount: options.maxTunnelsPerAccount,
  })
  const isTrusted = trustedProxies(options.trustProxy)
  let port = options.port
  const publicUrl = () => publicUrlOf(options, port)
  const control = new ControlEndpoint({
    registry,
    tokens,
    accountSessions: new AccountSessions(options.maxSessionsPerAccount),
    growthBudget: new WindowBudget(GROWTH_BUDGET_BYTES),
    isTrusted,
    logger,
    software: SOFTWARE,
    maxStreams: options.maxStreams,
    pingIntervalMs: options.pingIntervalMs,
    pingDeadlineMs: options.pingDeadlineMs,
    resumeGraceMs: options.resumeGraceMs,
    urlOf: (name) => publicUrl().replace('://', `://${name}.`),
  })
  const api = await createApi({
    domain: options.domain,
    registry,
    software: SOFTWARE,
    sessionCount: () => control.sessionCount,
    publicUrl,
    onUpgrade: control.onUpgrade,
  })
  const logsRequests = options.accessLog || (logger.isLevelEnabled?.('debug') ?? false)
  const edge = new EdgeListener({
    domain: options.domain,
    port: options.port,
    host: options.host,
    inherited,
    certificate,
    isTrusted,
    limits: edgeLimits(options),
    registry,
    accessLog: logsRequests ? logger : undefined,
    handOver: (socket, bytes) => api.take(socket, bytes),
  })
  port = await edge.listen()

  let closing: Promise<void> | undefined
  const close = async (drainMs: number) => {
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
    close(drainMs = options.drainMs) {
      closing ??= close(drainMs)
      return closing
    },
  }
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
