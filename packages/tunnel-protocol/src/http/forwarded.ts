import { isIP } from 'node:net'
import type { RequestHead } from './head.js'

/** What the edge knows of the connection a request came on. */
export interface PeerFacts {
  /** Address of the peer, IPv4-mapped IPv6 already as IPv4. */
  address: string
  proto: 'http' | 'https'
  port: number
  /** What the peer says in X-Forwarded-* may be passed on. */
  trusted: boolean
}

/** The X-Forwarded-* and Forwarded (RFC 7239) lines for the origin, each ending in CRLF. */
export function forwardedLines(head: RequestHead, peer: PeerFacts): string {
  const host = head.host ?? ''
  const before = peer.trusted ? head.forwardedFor : undefined
  const chain = before ? `${before}, ${peer.address}` : peer.address
  const proto = peer.trusted && SCHEME.test(head.forwardedProto ?? '') ? head.forwardedProto! : peer.proto
  const publicHost = (peer.trusted && head.forwardedHost) || host
  const port =
    (peer.trusted && head.forwardedPort) || portOf(publicHost) || (proto === 'https' ? '443' : String(peer.port))
  return `X-Forwarded-For: ${chain}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${publicHost}\r\nX-Forwarded-Port: ${port}\r\nForwarded: for=${node(visitorAddress(head, peer))};host="${publicHost.replaceAll(/["\\]/g, '')}";proto=${proto}\r\n`
}

/**
 * The address the request came from: the peer's, or the last one that a trusted peer names. Last, because that is what the
 * peer saw itself; the ones before it are hearsay that a visitor may have made up.
 */
export function visitorAddress(head: RequestHead, peer: PeerFacts): string {
  if (!peer.trusted || head.forwardedFor === undefined) return peer.address
  return head.forwardedFor.slice(head.forwardedFor.lastIndexOf(',') + 1).trim() || peer.address
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
