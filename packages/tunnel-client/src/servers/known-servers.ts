import { TunnelError } from 'tunnel-protocol'
import { normalizeServerUrl } from '../agent/server-url.js'

/** A server that the user has logged in to. */
export interface KnownServer {
  /** What the user calls it; no two have the same. */
  readonly name: string
  /** As normalizeServerUrl() gives it: the origin that the token is for, and no other. */
  readonly url: string
  /** Undefined where the server wants none. A secret. */
  readonly token: string | undefined
  /** Whom the server took the token's bearer for. To be shown. */
  readonly account: string | undefined
}

/** In the order in which they count: the first one is used unless another one is asked for. */
export type KnownServers = readonly KnownServer[]

const NAME = /^[A-Za-z0-9_.:[\]-]{1,255}$/
const TOKEN = /^[\x21-\x7e]{1,1024}$/
const VERSION = 1

/** Printable ASCII without spaces: what a header can carry. */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

// Finding

/** By its name, or by its URL; of several for one URL, the first. */
export function findServer(servers: KnownServers, nameOrUrl: string): KnownServer | undefined {
  const named = servers.find(({ name }) => name === nameOrUrl)
  if (named !== undefined) return named
  try {
    const url = normalizeServerUrl(nameOrUrl)
    return servers.find((server) => server.url === url)
  } catch {
    return undefined
  }
}

/**
 * The name for a login: the one wanted, else the one that the server has, else its host. Throws TUN_ERR_OPTION where another server has it already, or where it
 * can't be one.
 */
export function nameFor(servers: KnownServers, url: string, wanted: string | undefined): string {
  const name = wanted ?? servers.find((server) => server.url === url)?.name ?? new URL(url).host
  if (!NAME.test(name) || name.startsWith('-')) {
    throw new TunnelError('TUN_ERR_OPTION', `name: expected letters, digits and . _ - only, got "${name}"`)
  }
  const other = servers.find((server) => server.name === name && server.url !== url)
  if (other === undefined) return name
  throw new TunnelError('TUN_ERR_OPTION', `name: "${name}" is ${other.url} already; choose another one with --name`)
}

// Changing

/** With this one, in the place of the one that had its name; else behind all others, or, with `first`, in front of them. */
export function withServer(servers: KnownServers, server: KnownServer, first: boolean): KnownServers {
  const others = servers.filter(({ name }) => name !== server.name)
  if (first) return [server, ...others]
  if (others.length === servers.length) return [...servers, server]
  return servers.map((known) => (known.name === server.name ? server : known))
}

export function withoutServers(servers: KnownServers, gone: KnownServers): KnownServers {
  return servers.filter((server) => !gone.includes(server))
}

// The text of the file

export function formatServers(servers: KnownServers): string {
  return `${JSON.stringify({ version: VERSION, servers }, null, 2)}\n`
}

/** Throws an Error that says what is wrong, without a token. */
export function parseServers(text: string): KnownServers {
  const content = fieldsOf(parseJson(text), 'the whole')
  if (content.version !== VERSION) {
    const isNewer = typeof content.version === 'number' && content.version > VERSION
    throw new Error(isNewer ? 'a newer version of tunnel wrote it' : `"version" is not ${VERSION}`)
  }
  if (!Array.isArray(content.servers)) throw new Error('"servers" is not a list')
  const servers = content.servers.map(parseServer)
  const twice = servers.find((server, i) => servers.findIndex(({ name }) => name === server.name) !== i)
  if (twice !== undefined) throw new Error(`two servers are called "${twice.name}"`)
  return servers
}

function parseServer(value: unknown, i: number): KnownServer {
  const where = `servers[${i}]`
  const { name, url, token, account } = fieldsOf(value, where)
  if (typeof name !== 'string' || !NAME.test(name)) throw new Error(`${where}.name is not a name`)
  if (typeof url !== 'string' || !isNormal(url)) throw new Error(`${where}.url is not a URL such as https://host`)
  if (!isTextOrMissing(token) || !isToken(token ?? 'none')) throw new Error(`${where}.token is not a token`)
  if (!isTextOrMissing(account)) throw new Error(`${where}.account is not a name`)
  return { name, url, token, account }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error('it is not JSON')
  }
}

function fieldsOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error(`${what} is not an object`)
}

function isTextOrMissing(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string'
}

function isNormal(url: string): boolean {
  try {
    return normalizeServerUrl(url) === url
  } catch {
    return false
  }
}
