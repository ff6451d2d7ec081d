import { isIP } from 'node:net'

const MAX_LENGTH = 64

/**
 * Who counts as one visitor: an IPv4 address, or the /64 network of an IPv6 address, because whoever has one address of it has them all.
 * What is no address stands for itself.
 */
export function addressGroup(address: string): string {
  if (isIP(address) !== 6) return address.slice(0, MAX_LENGTH)
  const bare = address.split('%', 1)[0]!.toLowerCase()
  const [front = '', back] = bare.split('::')
  const groups = front === '' ? [] : front.split(':')
  if (back !== undefined) {
    const behind = back === '' ? 0 : back.split(':').length + (back.includes('.') ? 1 : 0)
    while (groups.length + behind < 8) groups.push('0')
    if (behind > 0) groups.push(...back.split(':'))
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`
}
