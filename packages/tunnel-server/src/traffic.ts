import type { Socket } from 'node:net'
import { type Link, type Logger, MAX_LINKS, WindowBudget } from 'tunnel-protocol'
import type { AccountService } from './accounts/service.js'
import { createApi } from './api/app.js'
import type { Totals } from './api/context.js'
import type { ControlContext } from './control/agent-session.js'
import type { Authority } from './control/authority.js'
import { ControlEndpoint, type Elsewhere, type LinkRequest } from './control/endpoint.js'
import type { EdgeLimits } from './edge/limits.js'
import { EdgeListener } from './edge/listener.js'
import type { PortOptions } from './edge/ports.js'
import type { ServerOptions } from './options.js'
import type { Directory } from './registry/directory.js'
import type { Readings } from './settings.js'

/** What the windows of all sessions may grow by together, beyond what each stream has to begin with. */
const GROWTH_BUDGET_BYTES = 128 * 1024 * 1024
/** What they may have beyond that together, where the way to the agent is long. */
const TUNING_BUDGET_BYTES = 128 * 1024 * 1024
/** What requests that wait may hold together. */
const MAX_PARKED_BYTES = 32 * 1024 * 1024

export interface TrafficContext {
  authority: Authority
  accounts: AccountService
  directory: Directory
  /** As GateSettings has it. */
  passKey: Buffer
  logger: Logger
  /** Software and version. */
  software: string
  /** Public URL of the bare domain. */
  publicUrl(): string
  totals(): Totals | Promise<Totals>
  /** What there is beside this process, where several share visitors and agents. */
  elsewhere?: Elsewhere
  /** How many processes share them. Default 1. */
  processes?: number
}

/** Visitors and agents of one process, and all that passes between them. */
export interface Traffic {
  /** Visitor connections right now. */
  readonly connectionCount: number
  /** Where finished exchanges are logged, if anywhere. */
  readonly accessLog: Logger | undefined
  /** Returns the port. Throws TUN_ERR_OPTION when it can't be had, saying why. */
  listen(ports: PortOptions): Promise<number>
  /** A visitor has connected. */
  take(socket: Socket): void
  /** A link on which an agent comes back to a session here has come in through another process. */
  takeBack(link: Link): void
  /** A link that another process has found to belong here. */
  takeLink(request: LinkRequest, socket: Socket): void
  /** These settings from now on; what is open stays as it is. */
  apply(options: ServerOptions, readings: Readings): void
  /** Take nothing new, tell the agents, let open requests end for `ms`, and end the rest. */
  drain(ms: number): Promise<void>
  /** End all sessions and connections. */
  close(): Promise<void>
}

export async function createTraffic(
  options: ServerOptions,
  readings: Readings,
  {
    authority,
    accounts,
    directory,
    passKey,
    logger,
    software,
    publicUrl,
    totals,
    elsewhere,
    processes = 1,
  }: TrafficContext,
): Promise<Traffic> {
  let trusted = readings.isTrusted
  const isTrusted = (address: string) => trusted(address)
  const controlContext: ControlContext = {
    ...controlSettings(options),
    authority,
    directory,
    growthBudget: new WindowBudget(GROWTH_BUDGET_BYTES / processes),
    tuningBudget: new WindowBudget(TUNING_BUDGET_BYTES / processes),
    isTrusted,
    logger,
    software,
    links: processes > 1 ? Math.min(processes, MAX_LINKS) : undefined,
    urlOf: (name) => publicUrl().replace('://', `://${name}.`),
  }
  const control = new ControlEndpoint(controlContext, elsewhere)
  const { domain } = options
  const api = await createApi({
    ...{ accounts, domain, directory, isTrusted, logger, software, totals, publicUrl },
    onUpgrade: control.onUpgrade,
  })
  const limits = edgeLimits(options, processes)
  const edge = new EdgeListener({
    domain,
    certificate: readings.certificate,
    isTrusted,
    limits,
    directory,
    passKey,
    ...pageSettings(options),
    accessLog: accessLog(options, logger),
    handOver: (socket, bytes, door) => api.take(socket, bytes, door),
  })
  return {
    get connectionCount() {
      return edge.connectionCount
    },
    get accessLog() {
      return edge.settings.accessLog
    },
    listen: (ports) => edge.listen(ports),
    take: (socket) => edge.take(socket),
    takeBack: (link) => control.takeBack(link),
    takeLink: (request, socket) => control.accept(request, socket, Buffer.alloc(0)),
    apply(fresh, { certificate, isTrusted }) {
      trusted = isTrusted
      edge.certificate = certificate
      Object.assign(limits, edgeLimits(fresh, processes))
      Object.assign(controlContext, controlSettings(fresh))
      Object.assign(edge.settings, pageSettings(fresh))
      edge.settings.accessLog = accessLog(fresh, logger)
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

function pageSettings({ interstitial, abuseContact }: ServerOptions) {
  return { interstitial, abuseContact }
}

/** Where requests are logged, if anywhere. */
function accessLog(options: ServerOptions, logger: Logger): Logger | undefined {
  return options.accessLog || logger.isLevelEnabled?.('debug') ? logger : undefined
}

/** What counts for all visitors, or for one, is split among the processes. */
function edgeLimits(options: ServerOptions, processes: number): EdgeLimits {
  const share = (limit: number) => Math.ceil(limit / processes)
  return {
    ...options,
    maxFields: options.maxHeaders,
    maxTargetBytes: options.maxUrlBytes,
    maxParked: share(options.maxParked),
    maxParkedBytes: share(MAX_PARKED_BYTES),
    maxStreamsPerTunnel: share(options.maxStreamsPerTunnel),
    maxStreamsPerVisitor: share(options.maxStreamsPerVisitor),
  }
}
