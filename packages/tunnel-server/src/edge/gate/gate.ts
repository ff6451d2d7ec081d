import { type Provenance, type RequestHead, type Rules, TunnelError } from 'tunnel-protocol'
import { errorPage } from '../error-page.js'
import { acceptOf } from '../fields.js'
import { Addresses } from './addresses.js'
import type { Refuser, Verdict } from './verdict.js'

/** Lets the requests of one tunnel in, or not. */
export class Gate {
  /** What it was made of. */
  readonly rules: Rules
  readonly #addresses: Addresses

  constructor(rules: Rules) {
    this.rules = rules
    this.#addresses = new Addresses(rules)
  }

  check(request: RequestHead, from: Provenance): Verdict {
    const refuser = this.#addresses.refuserOf(from.visitor)
    if (refuser !== undefined) {
      const detail = `this tunnel lets in nobody from ${from.visitor}`
      return refuse(refuser, new TunnelError('TUN_ERR_ADDRESS_REFUSED', detail), request)
    }
    return { kind: 'pass', request }
  }
}

function refuse(by: Refuser, error: TunnelError, request: RequestHead): Verdict {
  return { kind: 'refuse', by, answer: errorPage(error, acceptOf(request)) }
}
