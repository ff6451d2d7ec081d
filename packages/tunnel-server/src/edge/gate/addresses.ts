import { addressBits, isInAny, type Network, parseNetwork, type Rules } from 'tunnel-protocol'

/** From where a tunnel lets visitors in. */
export class Addresses {
  readonly #allowed: Network[] | undefined
  readonly #denied: Network[]

  constructor({ allowIp, denyIp }: Rules) {
    this.#allowed = allowIp?.map((text) => parseNetwork(text)!)
    this.#denied = (denyIp ?? []).map((text) => parseNetwork(text)!)
  }

  /** The rule by which a visitor at `address` is not let in. What is no address, as a trusted proxy may say, is nobody's friend. */
  refuserOf(address: string): 'allowIp' | 'denyIp' | undefined {
    const bits = addressBits(address)
    if (this.#denied.length > 0 && (bits === undefined || isInAny(this.#denied, bits))) return 'denyIp'
    return this.#allowed === undefined || (bits !== undefined && isInAny(this.#allowed, bits)) ? undefined : 'allowIp'
  }
}
