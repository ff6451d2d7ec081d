import { BlockList, isIP } from 'node:net'
import { TunnelError } from 'tunnel-protocol'

/** Returns whether a peer address is one of the proxies in `cidrs`. Throws TUN_ERR_OPTION for what is no address or CIDR. */
export function trustedProxies(cidrs: string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => false
  const known = new BlockList()
  for (const cidr of cidrs) {
    const [address = '', bits, ...more] = cidr.split('/')
    const family = isIP(address)
    const prefix = bits === undefined ? (family === 6 ? 128 : 32) : Number(bits)
    const valid =
      more.length === 0 &&
      family !== 0 &&
      /^[0-9]*$/.test(bits ?? '') &&
      bits !== '' &&
      prefix <= (family === 6 ? 128 : 32)
    if (!valid)
      throw new TunnelError(
        'TUN_ERR_OPTION',
        `--trust-proxy: expected an address or CIDR such as 10.0.0.0/8, got "${cidr}"`,
      )
    known.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4')
  }
  return (address) => {
    const family = isIP(address)
    return family !== 0 && known.check(address, family === 6 ? 'ipv6' : 'ipv4')
  }
}
