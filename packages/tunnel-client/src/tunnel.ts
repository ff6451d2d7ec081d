import { EventEmitter } from 'node:events'
import { createRequire } from 'node:module'
import { type Bound, type OpenRequest, type Rules, type Stream, type StreamHandler, TunnelError } from 'tunnel-protocol'
import { AgentLinks } from './agent/agent-links.js'
import { type ClaimStore, FileClaimStore } from './agent/claims.js'
import { linkOpener } from './agent/connect.js'
import { normalizeServerUrl } from './agent/server-url.js'
import { Dialer } from './origin/dial.js'
import {
  type ExchangeInfo,
  type ExchangeObserver,
  type ExchangeOptions,
  type ExchangeResult,
  OriginExchange,
} from './origin/exchange.js'
import { HostMapping } from './origin/host-mapping.js'
import { PatientDialer } from './origin/patient-dialer.js'
import { OriginPool } from './origin/pool.js'
import { authority, originTarget, targetName, targetUrl } from './origin/target.js'
import { originTrust } from './origin/trust.js'
import { Outbound } from './outbound/outbound.js'
import { rulesOf } from './rules.js'

export interface TunnelOptions {
  /** Port of the local app. Needed unless `target` or `unix` says where it is. */
  port?: number | undefined
  /** `8080`, `host:8080`, a URL or `unix:/run/app.sock`. `port`, `localHost` and `localHttps` win over its parts. */
  target?: string | undefined
  /** Name wanted. Default: one that the server makes up and nobody can guess. */
  subdomain?: string | undefined
  /** Take the name over from another agent of the same account, which is told and ends. Default false. */
  force?: boolean | undefined
  /** Serve the name together with other agents of the same account that say so too. Default false. */
  pool?: boolean | undefined
  /**
   * Connections to the server, from 1 to 8: when one is lost, requests on the others go on. Default: as many as the server asks for, which is one
   * unless it runs on several cores.
   */
  links?: number | undefined
  /** The tunnel-server. Default: TUNNEL_SERVER, else http://localhost:8000. */
  server?: string | undefined
  /** Default: TUNNEL_TOKEN. */
  token?: string | undefined
  /**
   * HTTP or HTTPS proxy that connections to the server go through, as a URL, with user and password where it wants them; `none`: none. Default: TUNNEL_PROXY,
   * else HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, which don't count for a server on this machine.
   */
  proxy?: string | undefined
  /** Path of a PEM file, or the PEM itself, with certificates to trust in addition to those that Node trusts. Read once. Default: TUNNEL_CA. */
  ca?: string | undefined
  /** Host of the local app. Default localhost: 127.0.0.1 or ::1, whichever answers. */
  localHost?: string | undefined
  /** Path of the Unix socket that the local app listens on, in place of `port`, `target` and `localHost`. */
  unix?: string | undefined
  /** The local app speaks HTTPS. Default false. On loopback and Unix sockets any certificate will do unless `originCa` is given. */
  localHttps?: boolean | undefined
  /**
   * Path of a PEM file with the certificates that the local app's is verified against, or the PEM itself; they take the place of
   * those that Node trusts. Read once. TUN_ERR_OPTION where it can't be read, holds none, or the app does not speak HTTPS.
   */
  originCa?: string | undefined
  /** Name that is sent to the local app (SNI) and that its certificate has to be for. Default: the host it is reached by. */
  originServerName?: string | undefined
  /**
   * `rewrite`: the app sees its own address as Host (`localhost` on a Unix socket); any other value: that one. Where the app then names
   * itself so, in Location, Content-Location, Refresh and the Domain of cookies, visitors see the public host. Default: the public host.
   */
  hostHeader?: string | undefined
  /**
   * How long a request waits while the local app takes no connections, as it does while it restarts; then the visitor gets 502.
   * 0: not at all. Default 5_000; in a pool 0, since another agent can have the request.
   */
  waitForOriginMs?: number | undefined
  /** Addresses and CIDRs from which visitors are let in; others get 403. Default: from everywhere. */
  allowIp?: string[] | undefined
  /** Those from which nobody is let in, whatever `allowIp` says. */
  denyIp?: string[] | undefined
  /** Who is let in by basic authentication, `user:password` each; others get 401. Hashed at once: the server gets to know no password before a visitor types it. */
  basicAuth?: string[] | undefined
  /** What visitors have to type into a sign-in page; or they show what `basicAuth` wants, where both are given. Hashed like those. */
  password?: string | undefined
  /** Rules for visitors in the form in which they are sent (docs/protocol.md); the options above win over their parts. */
  rules?: Rules | undefined
  /** Give up and reject with TUN_ERR_CONNECT when the tunnel is not open after so many milliseconds. 0: never. Default 30_000. */
  connectTimeoutMs?: number | undefined
  /** Silence after which the server is asked for a sign of life. Default 15_000. */
  pingIntervalMs?: number | undefined
  /** Time for that sign. Default 10_000. */
  pingDeadlineMs?: number | undefined
  /** Where proofs of held names are kept. Default: files in the user's state folder. */
  claims?: ClaimStore | undefined
}

export interface TunnelEvents {
  /** A visitor's request has arrived. */
  request: [ExchangeInfo]
  /** An exchange is over, or has been upgraded (status 101). */
  response: [ExchangeResult]
  /** The link is open again, or open for the first time. */
  online: [{ url: string; session: string }]
  /** The link is gone; the agent tries again after `delayMs`. */
  offline: [{ error: TunnelError; delayMs: number }]
  /** The local app takes no connections. Once, until originUp. `waitMs`: how long requests wait for it; 0: they fail at once. */
  originDown: [error: TunnelError, waitMs: number]
  /** It takes connections again. */
  originUp: []
  /** It is over: close() was called, or the server refused to have us back (then with an error). */
  close: [TunnelError | undefined]
}

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }
export const SOFTWARE = `tunnel-client/${version}`

/** How long close() lets open requests end, in milliseconds. */
const CLOSE_GRACE_MS = 3_000

/** One public URL for one local app. */
export class Tunnel extends EventEmitter<TunnelEvents> {
  /** Public URL, without a slash at its end. Set when tunnel() resolves. */
  url = ''
  /** The name the server gave. */
  name = ''
  /** The local app, as a URL, or `unix:/run/app.sock`. */
  readonly target: string
  readonly #agent: AgentLinks
  readonly #pool: OriginPool
  readonly #exchange: ExchangeOptions
  readonly #observer: ExchangeObserver
  #closing: Promise<void> | undefined

  /** Throws TUN_ERR_OPTION or TUN_ERR_RULES. Use tunnel() instead, which also waits for the URL. */
  constructor(options: TunnelOptions) {
    super()
    const target = originTarget({
      url: options.target,
      port: options.port,
      host: options.localHost,
      https: options.localHttps,
      unix: options.unix,
    })
    const trust = originTrust(target, { ca: options.originCa, serverName: options.originServerName })
    const host = options.hostHeader === 'rewrite' ? authority(target) : checkHeader(options.hostHeader)
    this.target = targetUrl(target)
    const waitMs = options.waitForOriginMs ?? (options.pool === true ? 0 : 5_000)
    const dialer = new Dialer(target, trust, {
      onUnreachable: ({ error, kind }) => this.emit('originDown', error, kind === 'absent' ? waitMs : 0),
      onReachable: () => this.emit('originUp'),
    })
    this.#pool = new OriginPool(new PatientDialer(dialer, waitMs))
    this.#observer = {
      onRequest: (info) => this.emit('request', info),
      onResult: (result) => this.emit('response', result),
    }
    this.#exchange = {
      pool: this.#pool,
      hostMapping: host === undefined ? undefined : new HostMapping(host, target),
      observer: undefined,
      originName: targetName(target),
    }
    const server = normalizeServerUrl(options.server ?? (process.env.TUNNEL_SERVER || 'http://localhost:8000'))
    const outbound = new Outbound(server, {
      proxy: options.proxy ?? (process.env.TUNNEL_PROXY || undefined),
      ca: options.ca ?? (process.env.TUNNEL_CA || undefined),
    })
    this.#agent = new AgentLinks(
      {
        server,
        openLink: linkOpener(outbound),
        name: options.subdomain,
        force: options.force ?? false,
        pool: options.pool ?? false,
        links: options.links,
        rules: rulesOf(options, { server, name: options.subdomain }),
        token: options.token ?? (process.env.TUNNEL_TOKEN || undefined),
        claims: options.claims ?? new FileClaimStore(),
        software: SOFTWARE,
        pingIntervalMs: options.pingIntervalMs ?? 15_000,
        pingDeadlineMs: options.pingDeadlineMs ?? 10_000,
      },
      {
        onOnline: (bound, session) => this.#onOnline(bound, session),
        onOffline: (error, delayMs) => this.emit('offline', { error, delayMs }),
        onStopped: (error) => this.#onStopped(error),
        onStream: (stream, open, session) => this.#onStream(stream, open, session),
      },
    )
  }

  /** Connect, and keep the tunnel open until close(). */
  start(): void {
    this.#agent.start()
  }

  /** Visitors' requests that are open right now. */
  get openRequests(): number {
    return this.#agent.streamCount
  }

  /** Tell the server, which frees the name at once; let open requests end for up to `graceMs`; leave. Default 3_000 ms. */
  close(graceMs = CLOSE_GRACE_MS): Promise<void> {
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async #close(graceMs: number): Promise<void> {
    await this.#agent.stop(graceMs)
    this.#pool.close()
  }

  #onOnline(bound: Bound, session: string): void {
    this.url = bound.url
    this.name = bound.name
    this.emit('online', { url: bound.url, session })
  }

  #onStopped(error: TunnelError | undefined): void {
    this.#pool.close()
    this.emit('close', error)
  }

  #onStream(stream: Stream, open: OpenRequest, session: string): StreamHandler {
    const observed = this.listenerCount('request') > 0 || this.listenerCount('response') > 0
    const options = observed ? { ...this.#exchange, observer: this.#observer } : this.#exchange
    return new OriginExchange(stream, session, open, options)
  }
}

/** Open a tunnel. Resolves when its URL answers; rejects with a TunnelError when the server refuses or can't be reached in time. */
export function tunnel(options: TunnelOptions): Promise<Tunnel> {
  return new Promise((resolve, reject) => {
    const opened = new Tunnel(options)
    const timeoutMs = options.connectTimeoutMs ?? 30_000
    let lastError: TunnelError | undefined
    const onOffline = ({ error }: { error: TunnelError }) => {
      lastError = error
    }
    const timer =
      timeoutMs === 0
        ? undefined
        : setTimeout(() => {
            settle() // first: closing says so at once, and the reason would be lost
            reject(lastError ?? new TunnelError('TUN_ERR_CONNECT', `no answer from the server in ${timeoutMs} ms`))
            void opened.close(0)
          }, timeoutMs)
    const onOnline = () => {
      settle()
      resolve(opened)
    }
    const onClose = (error: TunnelError | undefined) => {
      settle()
      reject(error ?? new TunnelError('TUN_ERR_SESSION_CLOSED', 'the tunnel was closed before it was open'))
    }
    const settle = () => {
      clearTimeout(timer)
      opened.off('online', onOnline).off('close', onClose).off('offline', onOffline)
    }
    opened.on('online', onOnline).on('close', onClose).on('offline', onOffline)
    opened.start()
  })
}

function checkHeader(value: string | undefined): string | undefined {
  if (value === undefined || /^[\x21-\x7e]+$/.test(value)) return value
  throw new TunnelError(
    'TUN_ERR_OPTION',
    `host-header: expected "rewrite" or a host such as app.local:3000, got "${value}"`,
  )
}
