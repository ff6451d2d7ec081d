import { BlockList, isIP } from 'node:net'

/**
 * Is this host one that NO_PROXY lists? Entries are separated by commas or spaces: a host, which stands for what is below it too, with or without a dot
 * or `*.` in front; an address; a network such as 10.0.0.0/8; any of them with a port; `*` for everything. What is none of these matches nothing.
 */
export function isExempt(list: string, host: string, port: number): boolean {
  const wanted = plain(host)
  return list.split(/[\s,]+/).some((entry) => entry !== '' && matches(entry, wanted, port))
}

function matches(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true
  const [, bracketed, bare, ofPort] = /^(?:\[([^\]]*)\]|(.*?))(?::([0-9]+))?$/.exec(withoutPort(entry))!
  if (ofPort !== undefined && Number(ofPort) !== port) return false
  const pattern = plain(bracketed ?? bare!)
  if (pattern.includes('/')) return isIn(pattern, host)
  if (isIP(pattern) !== 0 || isIP(host) !== 0) return isSameAddress(pattern, host)
  const name = pattern.replace(/^\*?\./, '')
  return name !== '' && (host === name || host.endsWith(`.${name}`))
}

/** An IPv6 address without brackets has no port: its colons are its own. */
function withoutPort(entry: string): string {
  return isIP(entry.replace(/\/.*$/, '')) === 6 ? `[${entry}]` : entry
}

/** As names are compared: lower case, without the dot of the root. */
function plain(host: string): string {
  return host.toLowerCase().replace(/\.$/, '')
}

function isIn(network: string, host: string): boolean {
  const [address = '', prefix = ''] = network.split('/')
  const family = address.includes('%') ? 0 : isIP(address) // a zone says nothing here
  const bits = Number(prefix)
  if (family === 0 || isIP(host) !== family || !/^[0-9]{1,3}$/.test(prefix) || bits > (family === 4 ? 32 : 128)) {
    return false
  }
  const kind = family === 4 ? 'ipv4' : 'ipv6'
  const networks = new BlockList()
  networks.addSubnet(address, bits, kind)
  return networks.check(host, kind)
}

/** An IPv6 address can be written in many ways. */
function isSameAddress(one: string, other: string): boolean {
  return one === other || (isIP(one) === 6 && isIn(`${one}/128`, other))
}
