import { addressOf, TunnelError } from 'tunnel-protocol'
import { isLoopback } from '../origin/target.js'
import { isExempt } from './no-proxy.js'
import { withoutUser } from './without-user.js'

/** A proxy that opens connections for us (CONNECT, RFC 9110 section 9.3.6). */
export interface HttpProxy {
  /** Without credentials: `http://proxy.example.com:3128`. To be shown. */
  readonly name: string
  readonly url: URL
  /** Value of Proxy-Authorization. A secret. */
  readonly authorization: string | undefined
}

/**
 * The proxy that connections to `url` go through; undefined: none. `given` is what `--proxy` says: a URL, or `none`. Without it the environment counts, as
 * for curl: `https_proxy` or `http_proxy`, else `all_proxy`, each also in capitals, unless `no_proxy` exempts the host. Servers on this machine have no proxy
 * unless it is given. Throws TUN_ERR_OPTION, which never shows credentials.
 */
export function proxyFor(url: URL, given: string | undefined, env = process.env): HttpProxy | undefined {
  if (given !== undefined) return given.toLowerCase() === 'none' ? undefined : parseProxy(given, 'proxy')
  const { host, port } = addressOf(url)
  if (isLoopback(host)) return undefined
  const source = [`${url.protocol.slice(0, -1)}_proxy`, 'all_proxy']
    .flatMap((name) => [name, name.toUpperCase()])
    .find((name) => env[name])
  if (source === undefined || isExempt(env.no_proxy || env.NO_PROXY || '', host, port)) return undefined
  return parseProxy(env[source]!, source)
}

/** `source`: the flag or variable, for the message. */
export function parseProxy(text: string, source: string): HttpProxy {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  if (
    url === undefined ||
    (url.protocol !== 'http:' && url.protocol !== 'https:') ||
    !/^\/?$/.test(url.pathname + url.search + url.hash)
  ) {
    const what = url !== undefined && /^socks/.test(url.protocol) ? 'a SOCKS proxy, which is not supported' : undefined
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `${source}: expected a proxy such as http://proxy.example.com:3128, got ${what ?? `"${withoutUser(text)}"`}; --proxy none goes without`,
    )
  }
  return { name: `${url.protocol}//${url.host}`, url, authorization: authorizationOf(url, source) }
}

function authorizationOf({ username, password }: URL, source: string): string | undefined {
  if (username === '' && password === '') return undefined
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
    return `Basic ${Buffer.from(credentials).toString('base64')}`
  } catch {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `${source}: the user or password has a % that stands for nothing; write it as %25`,
    )
  }
}
