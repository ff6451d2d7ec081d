import type { Provenance, RequestHead } from 'tunnel-protocol'
import { accessFields } from '../access-line.js'
import type { Answer } from '../answer.js'
import { fieldOf } from '../fields.js'
import { type SignInPage, signedOutPage, signInPage } from '../pages/sign-in.js'
import { warningPage } from '../pages/warning.js'
import type { GateContext } from './context.js'
import { setCookie } from './cookies.js'
import { pathBack } from './navigation.js'
import { WARNED } from './passes.js'
import { guesserOf, type PasswordRule, secondsOf } from './sign-in.js'

/** How long a visitor who has signed in stays so, in milliseconds. */
const SIGNED_IN_MS = 7 * 24 * 3_600_000

/** How long one who has read the warning of a tunnel does not see it again, in milliseconds. */
const WARNED_MS = 30 * 24 * 3_600_000

/** One request for a page of ours on the host of a tunnel, below DOOR_PATH; it has been read, but for its body. */
export class Door {
  readonly #context: GateContext
  readonly #tunnel: string
  readonly #password: PasswordRule | undefined
  readonly #request: RequestHead
  readonly #from: Provenance

  constructor(
    context: GateContext,
    tunnel: string,
    password: PasswordRule | undefined,
    request: RequestHead,
    from: Provenance,
  ) {
    this.#context = context
    this.#tunnel = tunnel
    this.#password = password
    this.#request = request
    this.#from = from
  }

  /** `form`: what its body says. */
  async answer(form: URLSearchParams): Promise<Answer> {
    const { method, target } = this.#request
    const [path = ''] = target.split('?', 1)
    if (path === '/.tunnel/continue' && method === 'POST') return this.#confirm(form)
    if (this.#password === undefined) return NOTHING
    if (path === '/.tunnel/sign-out') return this.#signOut()
    if (path !== '/.tunnel/sign-in') return NOTHING
    if (method === 'POST') return this.#signIn(this.#password, form)
    const query = new URLSearchParams(target.slice(path.length))
    return this.#page(undefined, pathBack(query.get('to') ?? '/'))
  }

  /** The visitor has read the warning. */
  #confirm(form: URLSearchParams): Answer {
    const to = pathBack(form.get('to') ?? '/')
    // Else any site could do that for its visitors.
    if (!this.#isOwnForm) {
      return warningPage({ host: this.#from.host, to, contact: this.#context.settings.abuseContact })
    }
    const ends = Date.now() + WARNED_MS
    const pass = this.#context.passes.sign({ tunnel: this.#tunnel, rule: WARNED, path: '/', ends })
    return seeOther(to, setCookie('warned', this.#isSecure, pass, WARNED_MS))
  }

  async #signIn(rule: PasswordRule, form: URLSearchParams): Promise<Answer> {
    const { checks, passes } = this.#context
    const to = pathBack(form.get('to') ?? '/')
    // Else any site could have its visitors guess.
    if (!this.#isOwnForm) return this.#page('TUN_ERR_SIGN_IN', to, 'That came from another site. Sign in here.')
    const guess = { user: '', password: form.get('password') ?? '', hash: rule.hash }
    if (checks.known(guess) === undefined) {
      const found = checks.find(guesserOf(this.#tunnel, this.#from), guess)
      if (typeof found === 'number') {
        const seconds = secondsOf(found)
        const page = this.#page(
          'TUN_ERR_TOO_MANY_ATTEMPTS',
          to,
          `Too many passwords have been tried. Try again in ${seconds} s.`,
        )
        return { ...page, headers: `${page.headers}Retry-After: ${seconds}\r\n` }
      }
      await found
    }
    if (checks.known(guess) !== true) {
      this.#log(401, 'refused by password')
      return this.#page('TUN_ERR_SIGN_IN', to, 'That is not the password.')
    }
    this.#log(303, 'signed in')
    const ends = Date.now() + SIGNED_IN_MS
    const pass = passes.sign({ tunnel: this.#tunnel, rule: rule.digest, path: '/', ends })
    return seeOther(to, setCookie('pass', this.#isSecure, pass, SIGNED_IN_MS))
  }

  #signOut(): Answer {
    const page = signedOutPage(this.#from.host)
    return { ...page, headers: page.headers + setCookie('pass', this.#isSecure, '', 0) }
  }

  #page(code: SignInPage['code'], to: string, fault?: string): Answer {
    const { abuseContact: contact } = this.#context.settings
    return signInPage({ code, host: this.#from.host, to, fault, contact })
  }

  get #isSecure(): boolean {
    return this.#from.proto === 'https'
  }

  /** Whether the form is one of ours, as far as browsers say so; what is no browser says nothing. */
  get #isOwnForm(): boolean {
    const site = fieldOf(this.#request, 'sec-fetch-site')
    if (site !== undefined) return site === 'same-origin' || site === 'none'
    const origin = fieldOf(this.#request, 'origin')
    return origin === undefined || origin.toLowerCase() === `${this.#from.proto}://${this.#from.host}`.toLowerCase()
  }

  #log(status: number, outcome: string): void {
    this.#context.settings.accessLog?.info(accessFields(this.#request, this.#from, status), outcome)
  }
}

const NOTHING: Answer = plain(404, 'There is nothing here.\n')

function seeOther(to: string, lines: string): Answer {
  const answer = plain(303, '')
  return { ...answer, headers: `${answer.headers}Location: ${to}\r\n${lines}` }
}

function plain(status: number, text: string): Answer {
  const body = Buffer.from(text)
  const headers = `Content-Type: text/plain; charset=utf-8\r\nContent-Length: ${body.length}\r\nCache-Control: no-store\r\n`
  return { status, headers, body }
}
