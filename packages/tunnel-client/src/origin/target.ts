import { resolve } from 'node:path'
import { TunnelError } from 'tunnel-protocol'

/** Where requests are forwarded to. */
export type OriginTarget = TcpTarget | UnixTarget

export interface TcpTarget {
  kind: 'tcp'
  tls: boolean
  /** Host name or address, without brackets. */
  host: string
  port: number
}

export interface UnixTarget {
  kind: 'unix'
  tls: boolean
  /** Absolute path of the socket. */
  path: string
}

/** What a caller gives: a Unix socket, or a port in one of many ways. Each part of `url` is replaced by the one beside it. */
export interface TargetInput {
  /** `8080`, `host:8080`, `http://host:8080`, `https://host:8443`, `unix:/run/app.sock` or `https+unix:/run/app.sock`. */
  url?: string | undefined
  port?: number | undefined
  host?: string | undefined
  https?: boolean | undefined
  /** Path of a Unix socket. Goes with none of `url`, `port` and `host`. */
  unix?: string | undefined
}

const EXPECTED = 'expected a port, host:port, or a URL such as http://localhost:8080'
const UNIX_URL = /^(https\+)?unix:(?:\/\/(?=\/))?(.*)$/is

/** Throws TUN_ERR_OPTION saying what was expected. */
export function originTarget(input: TargetInput): OriginTarget {
  const unixUrl = UNIX_URL.exec(input.url ?? '')
  if (unixUrl !== null || input.unix !== undefined) return unixTarget(input, unixUrl)
  const parsed = input.url === undefined ? undefined : parseTarget(input.url)
  const tls = input.https === true || parsed?.tls === true
  const port = input.port ?? parsed?.port
  if (port === undefined) {
    throw new TunnelError('TUN_ERR_OPTION', 'the port of the local app is missing: tunnel -p 8080')
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new TunnelError('TUN_ERR_OPTION', `port: expected a whole number from 1 to 65535, got "${port}"`)
  }
  return { kind: 'tcp', tls, host: input.host ?? parsed?.host ?? 'localhost', port }
}

function unixTarget(input: TargetInput, url: RegExpExecArray | null): UnixTarget {
  const other =
    input.port !== undefined
      ? 'port'
      : input.host !== undefined
        ? 'local-host'
        : input.unix !== undefined && input.url !== undefined
          ? 'target'
          : undefined
  if (other !== undefined) {
    throw new TunnelError('TUN_ERR_OPTION', `${other}: the local app is given as a Unix socket already, leave one out`)
  }
  const path = input.unix ?? url![2]!
  if (path === '' || path.includes('\0')) {
    throw new TunnelError('TUN_ERR_OPTION', `unix: expected the path of a socket such as /run/app.sock, got "${path}"`)
  }
  return { kind: 'unix', tls: input.https === true || url?.[1] !== undefined, path: resolve(path) }
}

function parseTarget(text: string): Omit<TcpTarget, 'kind'> {
  if (/^[0-9]+$/.test(text)) return { tls: false, host: 'localhost', port: Number(text) }
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  if (!URL.canParse(withScheme)) throw new TunnelError('TUN_ERR_OPTION', `target: ${EXPECTED}, got "${text}"`)
  const url = new URL(withScheme)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TunnelError('TUN_ERR_OPTION', `target: only http and https are forwarded, got "${text}"`)
  }
  if (
    url.username !== '' ||
    url.password !== '' ||
    (url.pathname !== '/' && url.pathname !== '') ||
    url.search !== ''
  ) {
    throw new TunnelError('TUN_ERR_OPTION', `target: ${EXPECTED}, without path or user, got "${text}"`)
  }
  const tls = url.protocol === 'https:'
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port)
  return { tls, host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

/** The app's own address as in a URL or a Host header: `localhost:8080`, `[::1]:8080`; `localhost` for a Unix socket. */
export function authority(target: OriginTarget): string {
  if (target.kind === 'unix') return 'localhost'
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  return `${host}:${target.port}`
}

/** Where the app is, for people: `localhost:8080`, `/run/app.sock`. */
export function targetName(target: OriginTarget): string {
  return target.kind === 'unix' ? target.path : authority(target)
}

/** The target as originTarget() takes it: `http://localhost:8080`, `unix:/run/app.sock`, `https+unix:/run/app.sock`. */
export function targetUrl(target: OriginTarget): string {
  if (target.kind === 'unix') return `${target.tls ? 'https+' : ''}unix:${target.path}`
  return `${target.tls ? 'https' : 'http'}://${authority(target)}`
}

/** The app is on this machine: nobody stands in between. */
export function isLocal(target: OriginTarget): boolean {
  return target.kind === 'unix' || isLoopback(target.host)
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host)
}
