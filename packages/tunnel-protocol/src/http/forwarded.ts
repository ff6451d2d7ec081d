import { isIP } from 'node:net'
import type { RequestHead } from './head.js'

/** What the edge knows of the connection a request came on. */
export interface PeerFacts {
  /** Address of the peer, IPv4-mapped IPv6 already as IPv4. */
  address: string
  proto: 'http' | 'https'
  port: number
  /** What the peer says in X-Forwarded-* and Forwarded is believed. */
  trusted: boolean
  /** Whether an address is one of the proxies that are believed: a request may have come through several. */
  isTrusted(address: string): boolean
}

/** What a request says of itself: part of a RequestHead. */
export type ForwardedFields = Pick<
  RequestHead,
  'host' | 'forwardedFor' | 'forwardedProto' | 'forwardedHost' | 'forwardedPort' | 'forwarded'
>

/** Where a request came from, as far as its peer is believed. */
export interface Provenance {
  /** Address of the visitor; what its proxy wrote, where that is no address. */
  visitor: string
  /** X-Forwarded-For toward the origin. */
  chain: string
  proto: string
  host: string
  port: string
  /** The same for the origin: X-Forwarded-* and Forwarded (RFC 7239) lines, each ending in CRLF. */
  lines: string
}

/**
 * Where a request came from. Of a trusted peer X-Forwarded-* are believed, and `Forwarded` (RFC 7239) where they are missing;
 * of everybody else nothing is. Both would be one too many: proxies pass on the one that they don't know as the visitor sent it.
 */
export function provenance(head: ForwardedFields, peer: PeerFacts): Provenance {
  const said = peer.trusted ? saidBy(head) : NOTHING
  const host = said.host || head.host || ''
  const proto = said.proto !== undefined && SCHEME.test(said.proto) ? said.proto : peer.proto
  const visitor = visitorAddress(said.chain, peer)
  const chain = said.chain === undefined ? peer.address : `${said.chain}, ${peer.address}`
  const port = said.port || portOf(host) || (proto === 'https' ? '443' : String(peer.port))
  const lines = `X-Forwarded-For: ${chain}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${host}\r\nX-Forwarded-Port: ${port}\r\nForwarded: for=${node(visitor)};host="${host.replaceAll(/["\\]/g, '')}";proto=${proto}\r\n`
  return { visitor, chain, proto, host, port, lines }
}

/** What a trusted peer says. Undefined or empty: it does not. */
interface Said {
  chain?: string | undefined
  proto?: string | undefined
  host?: string | undefined
  port?: string | undefined
}

const NOTHING: Said = {}

function saidBy(head: ForwardedFields): Said {
  const { forwardedFor, forwarded } = head
  if (!forwardedFor && forwarded !== undefined) return parseForwarded(forwarded)
  return {
    chain: forwardedFor || undefined,
    proto: head.forwardedProto,
    host: head.forwardedHost,
    port: head.forwardedPort,
  }
}

/**
 * The address the request came from: the last of the chain that is not itself a trusted proxy. Last, because that is what a trusted proxy
 * saw itself; the ones before it are hearsay that a visitor may have made up.
 */
function visitorAddress(chain: string | undefined, peer: PeerFacts): string {
  if (chain === undefined) return peer.address
  let end = chain.length
  while (true) {
    const comma = chain.lastIndexOf(',', end - 1)
    const address = bareAddress(chain.slice(comma + 1, end).trim())
    if (address === '') return peer.address
    if (comma < 0 || !peer.isTrusted(address)) return address
    end = comma
  }
}

/** `192.0.2.1`, `192.0.2.1:4711`, `[2001:db8::1]:4711`, `"[2001:db8::1]"`: the address without what some proxies put around it. */
function bareAddress(text: string): string {
  const match = /^"?(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]+)?"?$/.exec(text)
  const address = match === null ? text : (match[1] ?? match[2]!)
  return address.replace(/^::ffff:(?=[0-9.]+$)/i, '')
}

/** One `name=value` of RFC 7239 section 4, the value a token or a quoted string. */
const PAIR = /(?:^|[;,])[\t ]*([a-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^\t ;,"]*))[\t ]*(?=[;,]|$)/giy

/** The chain of `for=`, and the last `proto=` and `host=`. Says nothing where the value is malformed. */
function parseForwarded(value: string): Said {
  const said: Said = {}
  const chain: string[] = []
  let read = 0
  for (const pair of value.matchAll(PAIR)) {
    read += pair[0].length
    const name = pair[1]!.toLowerCase()
    const text = pair[2]?.replaceAll(/\\(.)/g, '$1') ?? pair[3]!
    if (text === '') return NOTHING
    if (name === 'for') chain.push(bareAddress(text))
    else if (name === 'proto') said.proto = text
    else if (name === 'host') said.host = text
  }
  if (read !== value.length) return NOTHING
  if (chain.length > 0) said.chain = chain.join(', ')
  return said
}

/** RFC 3986 section 3.1. */
const SCHEME = /^[A-Za-z][A-Za-z0-9+\-.]*$/

function portOf(host: string): string {
  const match = /:([0-9]+)$/.exec(host)
  return match === null ? '' : match[1]!
}

/** RFC 7239 section 6: an IPv6 address stands in brackets and quotes; what is no address is not passed on. */
function node(address: string): string {
  const version = isIP(address)
  return version === 4 ? address : version === 6 ? `"[${address}]"` : 'unknown'
}
