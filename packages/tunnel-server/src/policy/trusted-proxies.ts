import { addressBits, isInAny, parseNetwork, TunnelError } from 'tunnel-protocol'

/** Returns whether a peer address is one of the proxies in `cidrs`. Throws TUN_ERR_OPTION for what is no address or CIDR. */
export function trustedProxies(cidrs: string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => false
  const known = cidrs.map((cidr) => {
    const network = parseNetwork(cidr)
    if (network !== undefined) return network
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `--trust-proxy: expected an address or CIDR such as 10.0.0.0/8, got "${cidr}"`,
    )
  })
  return (address) => {
    const bits = addressBits(address)
    return bits !== undefined && isInAny(known, bits)
  }
}
