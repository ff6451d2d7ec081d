import { availableParallelism } from 'node:os'
import { logOptions } from 'tunnel-command/log-options'
import {
  byteSize,
  durationMs,
  type FileSettings,
  type GivenFlags,
  integer,
  list,
  MAX_STREAMS,
  type OptionsOf,
  resolveOptions,
  switched,
  TunnelError,
  text,
} from 'tunnel-protocol'

/** Each has a way to each other one. */
const MAX_WORKERS = 32

const DOMAIN = /^(?=.{1,200}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/

export const serverOptions = {
  domain: {
    ...text({
      flag: 'domain',
      short: 'd',
      env: 'TUNNEL_DOMAIN',
      metavar: '<domain>',
      fallback: 'localhost',
      help: 'tunnels are served as <name>.<domain>',
    }),
    parse(value: string) {
      const domain = value.toLowerCase().replace(/\.$/, '')
      if (DOMAIN.test(domain)) return domain
      throw new Error('expected a domain such as tunnel.example.com')
    },
  },
  port: integer({
    flag: 'port',
    short: 'p',
    env: 'TUNNEL_LISTEN_PORT',
    metavar: '<port>',
    min: 0,
    max: 65_535,
    fallback: 8_000,
    help: 'the one public port; 0: any free port',
  }),
  host: list({
    flag: 'host',
    env: 'TUNNEL_LISTEN_HOST',
    metavar: '<addresses>',
    fallback: [] as string[],
    help: 'addresses to listen on; loopback only where the domain is localhost, else all',
  }),
  publicUrl: {
    ...text({
      flag: 'public-url',
      env: 'TUNNEL_PUBLIC_URL',
      metavar: '<url>',
      fallback: undefined as string | undefined,
      help: 'how the bare domain is reached from outside; unless set, https://<domain>, with the port where the server has the certificate, or http://localhost:<port>',
    }),
    parse(value: string) {
      if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value
      throw new Error('expected a URL such as https://tunnel.example.com')
    },
  },
  tokens: list({
    env: 'TUNNEL_TOKENS',
    fallback: [] as string[],
    help: 'tokens that agents may use, beside those of accounts; each is an account of its own',
  }),
  tokenFile: text({
    flag: 'token-file',
    env: 'TUNNEL_TOKEN_FILE',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'file with one such token a line; read again on SIGHUP',
  }),
  open: {
    ...switched({
      flag: 'open',
      env: 'TUNNEL_OPEN',
      fallback: false,
      help: 'everyone may open tunnels, without a token; unless set, only where the domain is localhost and there are no accounts and no tokens',
    }),
    fallback: undefined as boolean | undefined,
  },
  sessionsPerMinute: integer({
    flag: 'sessions-per-minute',
    env: 'TUNNEL_SESSIONS_PER_MINUTE',
    min: 0,
    max: 1_000_000,
    fallback: 120,
    help: 'links that agents without a token may begin from one address; 0, or domain localhost: no limit',
  }),
  namesPerMinute: integer({
    flag: 'names-per-minute',
    env: 'TUNNEL_NAMES_PER_MINUTE',
    min: 0,
    max: 1_000_000,
    fallback: 60,
    help: 'new names that agents without a token may take from one address; 0, or domain localhost: no limit',
  }),
  tlsCert: text({
    flag: 'tls-cert',
    env: 'TUNNEL_TLS_CERT',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'PEM file with a certificate for the domain and all names below it: the port then speaks HTTPS; read again on SIGHUP',
  }),
  tlsKey: text({
    flag: 'tls-key',
    env: 'TUNNEL_TLS_KEY',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'PEM file with the key of that certificate',
  }),
  dataDir: text({
    flag: 'data-dir',
    env: 'TUNNEL_DATA_DIR',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'where accounts, names and the key of claims are kept; $STATE_DIRECTORY, or tunnel-server in ~/.local/state, unless set',
  }),
  auditDays: integer({
    flag: 'audit-days',
    env: 'TUNNEL_AUDIT_DAYS',
    min: 1,
    max: 36_500,
    fallback: 90,
    help: 'how long is kept who did what with accounts and tokens',
  }),
  auditRecords: integer({
    flag: 'audit-records',
    env: 'TUNNEL_AUDIT_RECORDS',
    min: 1,
    max: 10_000_000,
    fallback: 100_000,
    help: 'how many records of that are kept, the newest',
  }),
  trustProxy: list({
    flag: 'trust-proxy',
    env: 'TUNNEL_TRUST_PROXY',
    metavar: '<cidrs>',
    fallback: [] as string[],
    help: 'proxies whose X-Forwarded-* or Forwarded are believed, e.g. 127.0.0.1,10.0.0.0/8',
  }),
  leaseMs: durationMs({
    flag: 'lease',
    env: 'TUNNEL_LEASE',
    fallback: 600_000,
    help: 'how long the name of an agent that went away is kept for it',
  }),
  resumeGraceMs: durationMs({
    flag: 'resume-grace',
    env: 'TUNNEL_RESUME_GRACE',
    fallback: 60_000,
    help: 'how long open requests wait for an agent that lost its connection; 0: they end with it',
  }),
  parkMs: durationMs({
    flag: 'park',
    env: 'TUNNEL_PARK',
    fallback: 10_000,
    help: 'how long new requests wait for an agent that is away, then 503; 0: not at all',
  }),
  maxParked: integer({
    flag: 'max-parked',
    env: 'TUNNEL_MAX_PARKED',
    min: 0,
    max: 65_536,
    fallback: 1_024,
    help: 'requests that may wait so at once',
  }),
  drainMs: durationMs({
    flag: 'drain',
    env: 'TUNNEL_DRAIN',
    fallback: 30_000,
    help: 'time for open requests on shutdown',
  }),
  headTimeoutMs: durationMs({
    flag: 'head-timeout',
    env: 'TUNNEL_HEAD_TIMEOUT',
    fallback: 30_000,
    help: 'time for a visitor to send a request head, then 408; 0: no limit',
  }),
  keepAliveMs: durationMs({
    flag: 'keep-alive',
    env: 'TUNNEL_KEEP_ALIVE',
    fallback: 150_000,
    help: 'how long an idle visitor connection stays open; keep it above the idle time of a proxy in front',
  }),
  visitorTimeoutMs: durationMs({
    flag: 'visitor-timeout',
    env: 'TUNNEL_VISITOR_TIMEOUT',
    fallback: 600_000,
    help: 'how long a visitor may send nothing of a body it owes, or read nothing of its answer; 0: no limit',
  }),
  idleTimeoutMs: durationMs({
    flag: 'idle-timeout',
    env: 'TUNNEL_IDLE_TIMEOUT',
    fallback: 0,
    help: 'how long a request or WebSocket may carry nothing in either direction; 0: no limit',
  }),
  maxHeaderBytes: byteSize({
    flag: 'max-header-bytes',
    env: 'TUNNEL_MAX_HEADER_BYTES',
    min: 1_024,
    max: 131_072,
    fallback: 65_536,
    help: 'largest request head, in bytes, then 431',
  }),
  maxHeaders: integer({
    flag: 'max-headers',
    env: 'TUNNEL_MAX_HEADERS',
    min: 1,
    max: 65_536,
    fallback: 256,
    help: 'header lines of a request, then 431',
  }),
  maxUrlBytes: byteSize({
    flag: 'max-url-bytes',
    env: 'TUNNEL_MAX_URL_BYTES',
    min: 64,
    max: 131_072,
    fallback: 16_384,
    help: 'longest request target (path and query), then 414',
  }),
  maxBodyBytes: byteSize({
    flag: 'max-body-bytes',
    env: 'TUNNEL_MAX_BODY_BYTES',
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    fallback: 0,
    help: 'largest request body, then 413; 0: no limit',
  }),
  maxStreams: integer({
    flag: 'max-streams',
    env: 'TUNNEL_MAX_STREAMS',
    min: 1,
    max: MAX_STREAMS,
    fallback: 2_048,
    help: 'requests and WebSockets one link of an agent carries at once, then 503',
  }),
  maxStreamsPerTunnel: integer({
    flag: 'max-streams-per-tunnel',
    env: 'TUNNEL_MAX_STREAMS_PER_TUNNEL',
    min: 1,
    max: 65_536,
    fallback: 1_024,
    help: 'the same of one tunnel, then 503',
  }),
  maxStreamsPerVisitor: integer({
    flag: 'max-streams-per-visitor',
    env: 'TUNNEL_MAX_STREAMS_PER_VISITOR',
    min: 1,
    max: 65_536,
    fallback: 512,
    help: 'the same of one visitor address (IPv6: one /64 network), over all tunnels, then 429',
  }),
  maxSessionsPerAccount: integer({
    flag: 'max-sessions-per-account',
    env: 'TUNNEL_MAX_SESSIONS_PER_ACCOUNT',
    min: 1,
    max: 65_536,
    fallback: 100,
    help: 'agents of one account connected at once, on however many links; without a token, of one address',
  }),
  maxTunnelsPerAccount: integer({
    flag: 'max-tunnels-per-account',
    env: 'TUNNEL_MAX_TUNNELS_PER_ACCOUNT',
    min: 1,
    max: 65_536,
    fallback: 100,
    help: 'names of one account that has no limit of its own, those kept for absent agents included; without a token, of one address',
  }),
  pingIntervalMs: durationMs({
    flag: 'ping-interval',
    env: 'TUNNEL_PING_INTERVAL',
    fallback: 15_000,
    help: 'silence after which an agent is asked for a sign of life',
  }),
  pingDeadlineMs: durationMs({
    flag: 'ping-deadline',
    env: 'TUNNEL_PING_DEADLINE',
    fallback: 10_000,
    help: 'time for that sign before the agent counts as gone',
  }),
  workers: {
    ...text({
      flag: 'workers',
      env: 'TUNNEL_WORKERS',
      metavar: '<number|auto>',
      fallback: '1',
      help: 'processes that carry traffic, each on a core of its own; auto: as many as there are cores',
    }),
    fallback: 1,
    parse: parseWorkers,
  },
  accessLog: switched({
    flag: 'access-log',
    env: 'TUNNEL_ACCESS_LOG',
    fallback: false,
    help: 'log every request at level info',
  }),
  interstitial: switched({
    flag: 'interstitial',
    env: 'TUNNEL_INTERSTITIAL',
    fallback: false,
    help: 'warn browsers before the first page that they see of a tunnel, unless they have signed in to it; for servers on which everybody may open tunnels',
  }),
  abuseContact: {
    ...text({
      flag: 'abuse-contact',
      env: 'TUNNEL_ABUSE_CONTACT',
      metavar: '<url>',
      fallback: undefined as string | undefined,
      help: 'where abuse can be reported, an address or a page; shown on every page of the server itself',
    }),
    parse: parseContact,
  },
  ...logOptions,
  config: text({
    flag: 'config',
    env: 'TUNNEL_CONFIG',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'YAML file with any of these settings, called like the flags; read again on SIGHUP',
  }),
}

/** As a URL. */
function parseContact(value: string): string {
  const url = /^[^\s@:/]+@[^\s@:/]+$/.test(value) ? `mailto:${value}` : value
  if (/^(?:mailto:[^\s@]+@[^\s@]|https?:\/\/[^\s/])/i.test(url) && URL.canParse(url)) return url
  throw new Error('expected an address or URL such as abuse@example.com or https://example.com/abuse')
}

function parseWorkers(value: string): number {
  if (value === 'auto') return Math.min(availableParallelism(), MAX_WORKERS)
  const count = /^[0-9]{1,2}$/.test(value) ? Number(value) : 0
  if (count >= 1 && count <= MAX_WORKERS) return count
  throw new Error(`expected a whole number from 1 to ${MAX_WORKERS}, or auto`)
}

export type ServerOptions = OptionsOf<typeof serverOptions>

/** Throws TUN_ERR_OPTION naming the source: `TUNNEL_DRAIN: expected a duration such as 30s, got "soon"`. */
export function readServerOptions(
  flags: GivenFlags = {},
  env: NodeJS.ProcessEnv = process.env,
  file?: FileSettings,
): ServerOptions {
  return resolveOptions(serverOptions, flags, env, file)
}

/** The defaults, with what the caller sets in code. */
export function serverOptionsFrom(given: Partial<ServerOptions>): ServerOptions {
  const options = { ...resolveOptions(serverOptions, {}, {}), ...given }
  if (!DOMAIN.test(options.domain)) {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `domain: expected a domain such as tunnel.example.com, got "${options.domain}"`,
    )
  }
  return options
}
