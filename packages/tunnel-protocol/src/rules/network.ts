import { isIP } from 'node:net'

/** Addresses that begin with the same bits. */
export interface Network {
  readonly isIpv4: boolean
  /** The bits that they have in common, as a number. */
  readonly bits: bigint
  /** How many bits follow. */
  readonly shift: bigint
}

/** What ::ffff:0:0/96 begins with: IPv6 addresses that stand for IPv4 ones. */
const MAPPED = 0xffffn
const MAPPED_SHIFT = 32n

/** `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`; `::ffff:10.0.0.0/104` is 10.0.0.0/8. Undefined for anything else, addresses with a zone included. */
export function parseNetwork(text: string): Network | undefined {
  const [address = '', length, ...more] = text.split('/')
  const bits = address.includes('%') ? undefined : addressBits(address)
  if (bits === undefined || more.length > 0) return undefined
  const size = isIP(address) === 4 ? 32 : 128
  const prefix = length === undefined ? size : /^[0-9]{1,3}$/.test(length) ? Number(length) : Number.NaN
  if (!(prefix <= size)) return undefined
  const shift = BigInt(size - prefix)
  return { isIpv4: isMapped(bits) && shift <= MAPPED_SHIFT, bits: bits >> shift, shift }
}

/** Whether `address`, as addressBits gives it, is in one of `networks`. An IPv4 address is in none of IPv6, so that ::/0 means IPv6. */
export function isInAny(networks: readonly Network[], address: bigint): boolean {
  const isIpv4 = isMapped(address)
  for (const network of networks) {
    if (network.isIpv4 === isIpv4 && address >> network.shift === network.bits) return true
  }
  return false
}

/**
 * An address as a number of 128 bits, undefined for what is none. An IPv4 address and the IPv6 address that stands for it (`::ffff:192.0.2.1`) are the
 * same; a zone (`fe80::1%eth0`) does not count.
 */
export function addressBits(text: string): bigint | undefined {
  switch (isIP(text)) {
    case 4:
      return (MAPPED << MAPPED_SHIFT) | ipv4Bits(text)
    case 6:
      return ipv6Bits(text.split('%', 1)[0]!)
    default:
      return undefined
  }
}

function isMapped(bits: bigint): boolean {
  return bits >> MAPPED_SHIFT === MAPPED
}

function ipv4Bits(text: string): bigint {
  return text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)
}

/** Of an address that is known to be one. */
function ipv6Bits(text: string): bigint {
  const dot = text.indexOf('.')
  if (dot >= 0) {
    const start = text.lastIndexOf(':', dot) + 1
    return ipv6Bits(`${text.slice(0, start)}0:0`) | ipv4Bits(text.slice(start))
  }
  const [front = '', back] = text.split('::')
  const [head, tail] = [groups(front), groups(back ?? '')]
  const gap = Array.from({ length: 8 - head.length - tail.length }, () => 0)
  return [...head, ...gap, ...tail].reduce((bits, group) => (bits << 16n) | BigInt(group), 0n)
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
}
