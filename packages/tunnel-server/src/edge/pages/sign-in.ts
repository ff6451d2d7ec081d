import { errorTable } from 'tunnel-protocol'
import type { Answer } from '../answer.js'
import { abuseLink, escapeHtml, formAnswer, shownHost } from './page.js'

export interface SignInPage {
  /** Why it is shown; undefined where the visitor has asked for it. */
  code?: 'TUN_ERR_SIGN_IN' | 'TUN_ERR_TOO_MANY_ATTEMPTS' | undefined
  /** The site that it is for, as visitors call it. */
  host: string
  /** Where the visitor wanted to go: a path of that site. */
  to: string
  /** What was wrong with the last attempt; undefined for the first. */
  fault?: string | undefined
  /** Where abuse can be reported, as a URL. */
  contact: string | undefined
}

/** A 401 has to say how to get in (RFC 9110 section 15.5.2). No browser knows this way, so that it shows the page. */
export const FORM_CHALLENGE = 'WWW-Authenticate: Form\r\n'

/** Asks for the password of a tunnel. Says nothing of the app behind it. */
export function signInPage({ code, host, to, fault, contact }: SignInPage): Answer {
  const wrong = fault === undefined ? '' : `<p id="fault" role="alert">${escapeHtml(fault)}</p>\n`
  const described = fault === undefined ? '' : ' aria-invalid="true" aria-describedby="fault"'
  const content = `<h1>Sign in to ${shownHost(host)}</h1>
<p>Whoever shares this site has protected it with a password.</p>
<form method="post" action="/.tunnel/sign-in">
<input type="hidden" name="to" value="${escapeHtml(to)}">
<label for="password">Password</label>
<input type="password" id="password" name="password" autocomplete="current-password" required autofocus${described}>
${wrong}<button>Sign in</button>
</form>
<p><small>You stay signed in for a week in this browser.${abuseLink(contact)}</small></p>`
  const page = formAnswer(code === undefined ? 200 : errorTable[code].status!, `Sign in · ${host}`, content)
  if (code === undefined) return page
  const challenge = code === 'TUN_ERR_SIGN_IN' ? FORM_CHALLENGE : ''
  return { ...page, headers: `${page.headers}X-Tunnel-Error: ${code}\r\n${challenge}` }
}

export function signedOutPage(host: string): Answer {
  const content = `<h1>You have signed out</h1>
<p>This browser gets into ${shownHost(host)} with the password only.</p>
<p><a href="/.tunnel/sign-in">Sign in again</a></p>`
  return formAnswer(200, `Signed out · ${host}`, content)
}
