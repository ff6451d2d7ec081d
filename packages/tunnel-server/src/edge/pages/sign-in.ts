import type { Answer } from '../answer.js'
import { escapeHtml, formAnswer } from './page.js'

export interface SignInPage {
  status: number
  /** The site that it is for, as visitors call it. */
  host: string
  /** Where the visitor wanted to go: a path of that site. */
  to: string
  /** What was wrong with the last attempt; empty for the first. */
  fault?: string
}

/** Asks for the password of a tunnel. Says nothing of the app behind it. */
export function signInPage({ status, host, to, fault = '' }: SignInPage): Answer {
  const wrong = fault === '' ? '' : `<p id="fault" role="alert">${escapeHtml(fault)}</p>\n`
  const described = fault === '' ? '' : ' aria-invalid="true" aria-describedby="fault"'
  const content = `<h1>Sign in to ${escapeHtml(host)}</h1>
<p>Whoever shares this site has protected it with a password.</p>
<form method="post" action="/.tunnel/sign-in">
<input type="hidden" name="to" value="${escapeHtml(to)}">
<label for="password">Password</label>
<input type="password" id="password" name="password" autocomplete="current-password" required autofocus${described}>
${wrong}<button>Sign in</button>
</form>
<p><small>You stay signed in for a week in this browser.</small></p>`
  return formAnswer(status, `Sign in · ${host}`, content)
}

export function signedOutPage(host: string): Answer {
  const content = `<h1>You have signed out</h1>
<p>This browser gets into ${escapeHtml(host)} with the password only.</p>
<p><a href="/.tunnel/sign-in">Sign in again</a></p>`
  return formAnswer(200, `Signed out · ${host}`, content)
}
