import { isIP } from 'node:net'
import { addressBits, isInAny, parseNetwork } from 'tunnel-protocol'

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
  const [, bracketed, bare, ofPort] = /^(?:\[([^\]]*)\]|(.*?))(?::([0-9]+))?$/.exec(bracketedIpv6(entry))!
  if (ofPort !== undefined && Number(ofPort) !== port) return false
  const pattern = plain(bracketed ?? bare!)
  const address = addressBits(host)
  if (address !== undefined) {
    const network = parseNetwork(pattern)
    return network !== undefined && isInAny([network], address)
  }
  const name = pattern.replace(/^\*?\./, '')
  return name !== '' && (host === name || host.endsWith(`.${name}`))
}

/** Without brackets the colons are all of the address: there is no port. */
function bracketedIpv6(entry: string): string {
  return isIP(entry.replace(/\/.*$/, '')) === 6 ? `[${entry}]` : entry
}

/** As names are compared: lower case, without the dot of the root. */
function plain(host: string): string {
  return host.toLowerCase().replace(/\.$/, '')
}
