import { TunnelError } from 'tunnel-protocol'

/** Where requests are forwarded to. */
export interface OriginTarget {
  tls: boolean
  /** Host name or address, without brackets. */
  host: string
  port: number
}

/** What a caller gives, in the order in which it wins: each part of `url` is replaced by the one beside it. */
export interface TargetInput {
  /** `8080`, `host:8080`, `http://host:8080` or `https://host:8443`. */
  url?: string | undefined
  port?: number | undefined
  host?: string | undefined
  https?: boolean | undefined
}

const EXPECTED = 'expected a port, host:port, or a URL such as http://localhost:8080'

/** Throws TUN_ERR_OPTION saying what was expected. */
export function originTarget(input: TargetInput): OriginTarget {
  const parsed = input.url === undefined ? undefined : parseTarget(input.url)
  const tls = input.https === true || parsed?.tls === true
  const port = input.port ?? parsed?.port
  if (port === undefined) {
    throw new TunnelError('TUN_ERR_OPTION', 'the port of the local app is missing: tunnel -p 8080')
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new TunnelError('TUN_ERR_OPTION', `port: expected a whole number from 1 to 65535, got "${port}"`)
  }
  return { tls, host: input.host ?? parsed?.host ?? 'localhost', port }
}

function parseTarget(text: string): OriginTarget {
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

/** `localhost:8080`, `[::1]:8080`: as in a URL or a Host header. */
export function authority(target: OriginTarget): string {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  return `${host}:${target.port}`
}

/** The target as a URL, for people. */
export function targetUrl(target: OriginTarget): string {
  return `${target.tls ? 'https' : 'http'}://${authority(target)}`
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127(\.[0-9]{1,3}){3}$/.test(host)
}
