import { isIP } from 'node:net'
import { authority, isLoopback, type OriginTarget } from './target.js'

const HOST_LINE = /(\r\nhost:[\t ]*)[^\r\t ]*/i
/** Any field in which an app names itself. What costs something is done only where one is found. */
const MAPPED_LINE = /\n(?:location|content-location|refresh|set-cookie):/i
const MAPPED_LINES = /(\n(location|content-location|refresh|set-cookie):[\t ]*)([^\r]*)/gi
const FORWARDED_PROTO = /\r\nX-Forwarded-Proto: (https?)\r\n/i
const FORWARDED_HOST = /\r\nX-Forwarded-Host: ((?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]+)?)\r\n/i
/** The beginning of an absolute or scheme-relative URL. Of one with a user, the host does not match, and it stays. */
const URL_START = /^(?:(https?):)?\/\/([^/?#]*)/i
const REFRESH_START = /^[^;,]*[;,][\t ]*url[\t ]*=[\t ]*["']?/i
const DOMAIN_START = /^[\t ]*domain[\t ]*=[\t ]*\.?/i

/**
 * What `--host-header` does: the app sees another Host than the visitor's, and so it names itself by that in what it answers. There
 * its names are mapped back to the public one, without which a redirect would lead the visitor to their own localhost.
 */
export class HostMapping {
  readonly #host: string
  /** `host` or `host:port` in lower case, default ports left out. */
  readonly #authorities: Set<string>
  /** Host names without ports, and addresses. */
  readonly #names: Set<string>

  /** `host`: what the app gets to see, as in a Host header. */
  constructor(host: string, target: OriginTarget) {
    this.#host = host
    const own = ownAuthorities(host, target)
    this.#authorities = new Set(own.map((name) => withoutDefaultPort(name)))
    this.#names = new Set(own.map((name) => splitAuthority(name).name))
  }

  /** A request head as the app gets it. All but the value of Host stays byte for byte. */
  requestHead(head: string): string {
    return head.replace(HOST_LINE, (_, start: string) => start + this.#host)
  }

  /** A response head, final or interim, as the visitor gets it. `requestHead` says how the visitor reached us. */
  responseHead(head: string, requestHead: string): string {
    if (!MAPPED_LINE.test(head)) return head
    const proto = FORWARDED_PROTO.exec(requestHead)?.[1]
    const host = FORWARDED_HOST.exec(requestHead)?.[1]
    if (proto === undefined || host === undefined) return head
    return head.replace(MAPPED_LINES, (_, start: string, name: string, value: string) => {
      return start + this.#mapValue(name.toLowerCase(), value, proto, host)
    })
  }

  #mapValue(name: string, value: string, proto: string, host: string): string {
    if (name === 'set-cookie') return this.#mapCookie(value, splitAuthority(host).name)
    const urlAt = name === 'refresh' ? REFRESH_START.exec(value)?.[0].length : 0
    if (urlAt === undefined) return value
    return value.slice(0, urlAt) + this.#mapUrl(value.slice(urlAt), proto, host)
  }

  #mapUrl(url: string, proto: string, host: string): string {
    const start = URL_START.exec(url)
    if (start === null) return url
    const [{ length }, scheme, named] = start as unknown as [string, string | undefined, string]
    const defaultPort = scheme === undefined ? undefined : scheme.toLowerCase() === 'https' ? '443' : '80'
    if (!this.#authorities.has(withoutDefaultPort(named, defaultPort))) return url
    // One without a scheme goes on to have that of the page it stands on, which is the public one.
    return `${scheme === undefined ? '' : `${proto}:`}//${host}${url.slice(length)}`
  }

  #mapCookie(cookie: string, publicName: string): string {
    const [pair, ...attributes] = cookie.split(';')
    const mapped = attributes.map((attribute) => {
      const start = DOMAIN_START.exec(attribute)?.[0]
      if (start === undefined) return attribute
      const domain = attribute.slice(start.length).trimEnd()
      return this.#isOwnDomain(domain.toLowerCase())
        ? start + publicName + attribute.slice(start.length + domain.length)
        : attribute
    })
    return [pair, ...mapped].join(';')
  }

  /** One of our names, or a parent domain of one. */
  #isOwnDomain(domain: string): boolean {
    if (domain === '') return false
    for (const name of this.#names) {
      if (name === domain || (name.endsWith(`.${domain}`) && isIP(name) === 0)) return true
    }
    return false
  }
}

/** All that the app may take for its own address: the Host it sees, and where it listens. */
function ownAuthorities(host: string, target: OriginTarget): string[] {
  const own = [host, authority(target)]
  if (target.kind === 'tcp' && isLoopback(target.host)) {
    for (const name of ['localhost', '127.0.0.1', '[::1]']) own.push(`${name}:${target.port}`)
  }
  return own
}

/** In lower case; brackets stay. */
function splitAuthority(text: string): { name: string; port: string } {
  const colon = text.lastIndexOf(':')
  const bare = colon < 0 || text.endsWith(']')
  return { name: (bare ? text : text.slice(0, colon)).toLowerCase(), port: bare ? '' : text.slice(colon + 1) }
}

/** Without `defaultPort`, or, where the scheme is not known, without the port of either. */
function withoutDefaultPort(text: string, defaultPort?: string): string {
  const { name, port } = splitAuthority(text)
  const isDefault = port === '' || (defaultPort === undefined ? port === '80' || port === '443' : port === defaultPort)
  return isDefault ? name : `${name}:${port}`
}
