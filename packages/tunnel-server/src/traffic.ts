import type { Socket } from 'node:net'
import { type Logger, WindowBudget } from 'tunnel-protocol'
import { TokenList } from './accounts/tokens.js'
import { createApi } from './api/app.js'
import type { Totals } from './api/context.js'
import type { ControlContext } from './control/agent-session.js'
import type { Authority } from './control/authority.js'
import { ControlEndpoint } from './control/endpoint.js'
import type { EdgeLimits } from './edge/limits.js'
import { EdgeListener } from './edge/listener.js'
import type { PortOptions } from './edge/ports.js'
import type { ServerOptions } from './options.js'
import type { Readings } from './readings.js'
import type { Directory } from './registry/directory.js'

/** What the windows of all sessions may grow by together, beyond what each stream has to begin with. */
const GROWTH_BUDGET_BYTES = 128 * 1024 * 1024

export interface TrafficContext {
  authority: Authority
  directory: Directory
  logger: Logger
  /** Software and version. */
  software: string
  /** Public URL of the bare domain. */
  publicUrl(): string
  totals(): Totals | Promise<Totals>
}

/** Visitors and agents of one process, and all that passes between them. */
export interface Traffic {
  /** Visitor connections right now. */
  readonly connectionCount: number
  /** Returns the port. Throws TUN_ERR_OPTION when it can't be had, saying why. */
  listen(ports: PortOptions): Promise<number>
  /** A visitor has connected. */
  take(socket: Socket): void
  /** These settings from now on; what is open stays as it is, but for agents whose token is gone: their sessions end. */
  apply(options: ServerOptions, readings: Readings): void
  /** Take nothing new, tell the agents, let open requests end for `ms`, and end the rest. */
  drain(ms: number): Promise<void>
  /** End all sessions and connections. */
  close(): Promise<void>
}

export async function createTraffic(
  options: ServerOptions,
  readings: Readings,
  { authority, directory, logger, software, publicUrl, totals }: TrafficContext,
): Promise<Traffic> {
  let trusted = readings.isTrusted
  const tokens = new TokenList(readings.tokens)
  const isTrusted = (address: string) => trusted(address)
  const controlContext: ControlContext = {
    ...controlSettings(options),
    authority,
    directory,
    tokens,
    growthBudget: new WindowBudget(GROWTH_BUDGET_BYTES),
    isTrusted,
    logger,
    software,
    urlOf: (name) => publicUrl().replace('://', `://${name}.`),
  }
  const control = new ControlEndpoint(controlContext)
  const { domain } = options
  const api = await createApi({ domain, directory, software, totals, publicUrl, onUpgrade: control.onUpgrade })
  const limits = edgeLimits(options)
  const edge = new EdgeListener({
    domain,
    certificate: readings.certificate,
    isTrusted,
    limits,
    directory,
    accessLog: accessLog(options, logger),
    handOver: (socket, bytes) => api.take(socket, bytes),
  })
  return {
    get connectionCount() {
      return edge.connectionCount
    },
    listen: (ports) => edge.listen(ports),
    take: (socket) => edge.take(socket),
    apply(fresh, { tokens: list, certificate, isTrusted }) {
      trusted = isTrusted
      edge.certificate = certificate
      tokens.replace(list)
      Object.assign(limits, edgeLimits(fresh))
      Object.assign(controlContext, controlSettings(fresh))
      edge.settings.accessLog = accessLog(fresh, logger)
      control.endUnknown()
    },
    async drain(ms) {
      control.drain()
      await edge.drain(ms)
      await edge.evict()
    },
    async close() {
      control.close()
      await api.close()
      await edge.close()
    },
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
