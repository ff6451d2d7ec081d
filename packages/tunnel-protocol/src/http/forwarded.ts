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
  const chain = before === undefined ? peer.address : `${before}, ${peer.address}`
  const proto = (peer.trusted && head.forwardedProto) || peer.proto
  const publicHost = (peer.trusted && head.forwardedHost) || host
  const port =
    (peer.trusted && head.forwardedPort) || portOf(publicHost) || (proto === 'https' ? '443' : String(peer.port))
  return `X-Forwarded-For: ${chain}\r\nX-Forwarded-Proto: ${proto}\r\nX-Forwarded-Host: ${publicHost}\r\nX-Forwarded-Port: ${port}\r\nForwarded: for=${node(visitorAddress(head, peer))};host="${publicHost.replaceAll(/["\\]/g, '')}";proto=${proto}\r\n`
}

/** The address the request came from: the first one a trusted proxy names, else the peer's. */
export function visitorAddress(head: RequestHead, peer: PeerFacts): string {
  if (!peer.trusted || head.forwardedFor === undefined) return peer.address
  return head.forwardedFor.split(',', 1)[0]!.trim() || peer.address
}

function portOf(host: string): string {
  const match = /:([0-9]+)$/.exec(host)
  return match === null ? '' : match[1]!
}

/** RFC 7239 section 6: an IPv6 address stands in brackets and quotes; what is no address is not passed on. */
function node(address: string): string {
  if (/^[0-9.]+$/.test(address)) return address
  return /^[0-9a-fA-F:.]+$/.test(address) ? `"[${address}]"` : 'unknown'
}
