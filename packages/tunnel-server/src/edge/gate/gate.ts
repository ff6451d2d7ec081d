import { type Provenance, type RequestHead, type Rules, TunnelError } from 'tunnel-protocol'
import { addressGroup } from '../../policy/address-group.js'
import { errorPage } from '../error-page.js'
import { acceptOf } from '../fields.js'
import { Addresses } from './addresses.js'
import { BasicAuth, withoutAuthorization } from './basic-auth.js'
import type { PasswordChecks } from './password-checks.js'
import type { Refuser, Verdict } from './verdict.js'

/** Lets the requests of one tunnel in, or not. */
export class Gate {
  /** What it was made of. */
  readonly rules: Rules
  readonly #name: string
  readonly #checks: PasswordChecks
  readonly #addresses: Addresses
  readonly #basicAuth: BasicAuth | undefined

  /** `name`: of the tunnel. */
  constructor(name: string, rules: Rules, checks: PasswordChecks) {
    this.rules = rules
    this.#name = name
    this.#checks = checks
    this.#addresses = new Addresses(rules)
    this.#basicAuth = rules.basicAuth && new BasicAuth(rules.basicAuth)
  }

  check(request: RequestHead, from: Provenance): Verdict {
    const refuser = this.#addresses.refuserOf(from.visitor)
    if (refuser !== undefined) {
      const detail = `this tunnel lets in nobody from ${from.visitor}`
      return refuse(refuser, new TunnelError('TUN_ERR_ADDRESS_REFUSED', detail), request)
    }
    if (this.#basicAuth === undefined) return { kind: 'pass', request }
    const guess = this.#basicAuth.guessOf(request)
    if (guess === undefined) return this.#challenge('this tunnel wants a user name and a password', request)
    const isRight = this.#checks.known(guess)
    if (isRight === true) return { kind: 'pass', request: withoutAuthorization(request) }
    if (isRight === false)
      return this.#challenge('there is no such user name here, or the password is another one', request)
    const found = this.#checks.find(`${this.#name} ${addressGroup(from.visitor)}`, guess)
    return typeof found === 'number' ? tooMany('basicAuth', found, request) : { kind: 'wait', until: found }
  }

  /** Ask for user name and password (RFC 7617). */
  #challenge(detail: string, request: RequestHead): Verdict {
    const lines = `WWW-Authenticate: Basic realm="${this.#name}", charset="UTF-8"\r\n`
    return refuse('basicAuth', new TunnelError('TUN_ERR_SIGN_IN', detail), request, lines)
  }
}

function tooMany(by: Refuser, waitMs: number, request: RequestHead): Verdict {
  const seconds = Math.ceil(waitMs / 1_000)
  const detail = `too many passwords have been tried; try again in ${seconds} s`
  return refuse(by, new TunnelError('TUN_ERR_TOO_MANY_ATTEMPTS', detail), request, `Retry-After: ${seconds}\r\n`)
}

/** `lines`: further header lines of the answer. */
function refuse(by: Refuser, error: TunnelError, request: RequestHead, lines = ''): Verdict {
  const page = errorPage(error, acceptOf(request))
  return { kind: 'refuse', by, answer: { ...page, headers: page.headers + lines } }
}
