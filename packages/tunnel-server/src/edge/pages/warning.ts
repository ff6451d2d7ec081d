import type { Answer } from '../answer.js'
import { abuseLink, escapeHtml, formAnswer, shownHost } from './page.js'

export interface WarningPage {
  /** The site that the visitor is about to see. */
  host: string
  /** Where the visitor wanted to go: a path of that site. */
  to: string
  /** Where abuse can be reported, as a URL. */
  contact: string | undefined
}

/** Shown in front of the first page of a tunnel on a server on which everybody may open one. */
export function warningPage({ host, to, contact }: WarningPage): Answer {
  const content = `<h1>You are about to visit ${shownHost(host)}</h1>
<p>This site is served from somebody's own machine, through a tunnel such as anybody can have here. Whoever runs this server does not know what it shows.</p>
<p>Go on if you trust whoever sent you. Do not type in passwords of other sites, nor anything about cards or bank accounts.</p>
<form method="post" action="/.tunnel/continue">
<input type="hidden" name="to" value="${escapeHtml(to)}">
<button>Continue to the site</button>
</form>
<p><small>You are asked once in 30 days.${abuseLink(contact)}</small></p>`
  const { headers, ...answer } = formAnswer(403, `About to visit ${host}`, content)
  return { ...answer, headers: `${headers}X-Tunnel-Error: TUN_ERR_UNCONFIRMED\r\n` }
}
