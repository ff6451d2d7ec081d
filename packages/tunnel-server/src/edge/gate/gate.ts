import { type Provenance, type RequestHead, type Rules, TunnelError } from 'tunnel-protocol'
import { DOOR_PATH } from '../../policy/door-path.js'
import type { Answer } from '../answer.js'
import { errorPage } from '../error-page.js'
import { acceptOf, fieldOf } from '../fields.js'
import { FORM_CHALLENGE, signInPage } from '../pages/sign-in.js'
import { warningPage } from '../pages/warning.js'
import { Addresses } from './addresses.js'
import { BasicAuth, withoutAuthorization } from './basic-auth.js'
import type { GateContext } from './context.js'
import { cookieValues, type OurCookie, withoutOurCookies } from './cookies.js'
import { Door } from './door.js'
import { asciiTarget, isNavigation, pathBack } from './navigation.js'
import { covers, WARNED } from './passes.js'
import { guesserOf, type PasswordRule, passwordRule, secondsOf } from './sign-in.js'
import type { Refuser, Verdict } from './verdict.js'

/** A request that has it is not stopped by a warning, whatever its value. */
const SKIP_WARNING = 'tunnel-skip-warning'

/** Lets the requests of one tunnel in, or not. */
export class Gate {
  /** What it was made of. */
  readonly rules: Rules
  readonly #name: string
  readonly #context: GateContext
  readonly #addresses: Addresses
  readonly #basicAuth: BasicAuth | undefined
  readonly #password: PasswordRule | undefined

  /** `name`: of the tunnel. */
  constructor(name: string, rules: Rules, context: GateContext) {
    this.rules = rules
    this.#name = name
    this.#context = context
    this.#addresses = new Addresses(rules)
    this.#basicAuth = rules.basicAuth && new BasicAuth(rules.basicAuth)
    this.#password = rules.password && passwordRule(rules.password)
  }

  check(request: RequestHead, from: Provenance): Verdict {
    const refuser = this.#addresses.refuserOf(from.visitor)
    if (refuser !== undefined) {
      const detail = `this tunnel lets in nobody from ${from.visitor}`
      return this.#refuse(refuser, new TunnelError('TUN_ERR_ADDRESS_REFUSED', detail), request)
    }
    if (request.target.startsWith(DOOR_PATH)) {
      return { kind: 'door', door: new Door(this.#context, this.#name, this.#password, request, from) }
    }
    if (this.#basicAuth !== undefined || this.#password !== undefined) return this.#signedIn(request, from)
    return this.#mustBeWarned(request, from) ? this.#warn(request, from) : pass(request)
  }

  /** Whoever shows one of the things that let in is let in. */
  #signedIn(request: RequestHead, from: Provenance): Verdict {
    const guess = this.#basicAuth?.guessOf(request)
    let isRight: boolean | undefined
    if (guess !== undefined) {
      const { checks } = this.#context
      isRight = checks.known(guess)
      if (isRight === true) return pass(withoutAuthorization(request))
      if (isRight === undefined) {
        const found = checks.find(guesserOf(this.#name, from), guess)
        return typeof found === 'number' ? this.#tooMany(found, request) : { kind: 'wait', until: found }
      }
      // It may be meant for the app.
    }
    if (this.#hasPass(request, from)) return pass(request)
    return this.#ask(request, from, isRight === false)
  }

  #hasPass(request: RequestHead, from: Provenance): boolean {
    return this.#password !== undefined && this.#shows('pass', this.#password.digest, request, from)
  }

  /** Whether a cookie holds a pass that was given for `rule`. */
  #shows(cookie: OurCookie, rule: string, request: RequestHead, from: Provenance): boolean {
    return cookieValues(request, cookie, from.proto === 'https').some((value) => {
      const given = this.#context.passes.read(value)
      return given?.tunnel === this.#name && given.rule === rule && covers(given.path, request.target)
    })
  }

  /** Programs say so in a field, or do not ask for pages. Whoever has signed in has been sent here by somebody who knows the tunnel. */
  #mustBeWarned(request: RequestHead, from: Provenance): boolean {
    if (!this.#context.settings.interstitial || !isNavigation(request)) return false
    return fieldOf(request, SKIP_WARNING) === undefined && !this.#shows('warned', WARNED, request, from)
  }

  #warn(request: RequestHead, from: Provenance): Verdict {
    const { abuseContact: contact } = this.#context.settings
    return refuse('interstitial', warningPage({ host: from.host, to: pathBack(asciiTarget(request)), contact }))
  }

  /** Say how to get in. `isWrong`: the visitor has tried, with basic authentication. */
  #ask(request: RequestHead, from: Provenance, isWrong: boolean): Verdict {
    if (this.#password !== undefined && isNavigation(request)) {
      const { abuseContact: contact } = this.#context.settings
      const to = pathBack(asciiTarget(request))
      return refuse('password', signInPage({ code: 'TUN_ERR_SIGN_IN', host: from.host, to, contact }))
    }
    if (this.#basicAuth === undefined) {
      const error = new TunnelError('TUN_ERR_SIGN_IN', 'this tunnel wants a password, which browsers are asked for')
      return this.#refuse('password', error, request, FORM_CHALLENGE)
    }
    const detail = isWrong
      ? 'there is no such user name here, or the password is another one'
      : 'this tunnel wants a user name and a password'
    // RFC 7617
    const challenge = `WWW-Authenticate: Basic realm="${this.#name}", charset="UTF-8"\r\n`
    return this.#refuse('basicAuth', new TunnelError('TUN_ERR_SIGN_IN', detail), request, challenge)
  }

  #tooMany(waitMs: number, request: RequestHead): Verdict {
    const seconds = secondsOf(waitMs)
    const detail = `too many passwords have been tried; try again in ${seconds} s`
    const error = new TunnelError('TUN_ERR_TOO_MANY_ATTEMPTS', detail)
    return this.#refuse('basicAuth', error, request, `Retry-After: ${seconds}\r\n`)
  }

  /** `lines`: further header lines of the answer. */
  #refuse(by: Refuser, error: TunnelError, request: RequestHead, lines = ''): Verdict {
    const page = errorPage(error, acceptOf(request), this.#context.settings.abuseContact)
    return refuse(by, { ...page, headers: page.headers + lines })
  }
}

function pass(request: RequestHead): Verdict {
  return { kind: 'pass', request: withoutOurCookies(request) }
}

function refuse(by: Refuser, answer: Answer): Verdict {
  return { kind: 'refuse', by, answer }
}
