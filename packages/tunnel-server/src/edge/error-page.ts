import { STATUS_CODES } from 'node:http'
import type { ErrorCode, TunnelError } from 'tunnel-protocol'
import type { Answer } from './answer.js'
import { abuseLink, escapeHtml, htmlPage, pageHeaders } from './pages/page.js'

const titles: Partial<Record<ErrorCode, string>> = {
  TUN_ERR_NO_TUNNEL: 'No such tunnel',
  TUN_ERR_ADDRESS_REFUSED: 'Not from here',
  TUN_ERR_SIGN_IN: 'Sign in first',
  TUN_ERR_TOO_MANY_ATTEMPTS: 'Too many attempts',
  TUN_ERR_TUNNEL_OFFLINE: 'This tunnel is away',
  TUN_ERR_ORIGIN_REFUSED: 'The app is not running',
  TUN_ERR_ORIGIN_TLS: 'The app is not trusted',
  TUN_ERR_ORIGIN_RESET: 'The app broke off',
  TUN_ERR_ORIGIN_TIMEOUT: 'The app does not answer',
  TUN_ERR_SESSION_CLOSED: 'The tunnel was interrupted',
  TUN_ERR_TOO_MANY_STREAMS: 'Too busy',
  TUN_ERR_TOO_MANY_REQUESTS: 'Too many requests at once',
  TUN_ERR_BODY_TOO_LARGE: 'This is too large to send here',
  TUN_ERR_URI_TOO_LONG: 'This address is too long',
}

const hints: Partial<Record<ErrorCode, string>> = {
  TUN_ERR_NO_TUNNEL: 'Check the address for a typing error, or ask whoever shared it whether the tunnel is still open.',
  TUN_ERR_ADDRESS_REFUSED:
    'Whoever shares this tunnel has said from which addresses it can be reached. Ask them to add yours.',
  TUN_ERR_SIGN_IN: 'Whoever shares this tunnel with you knows how to get in.',
  TUN_ERR_TUNNEL_OFFLINE: 'It was here a moment ago. Try again in a few seconds.',
  TUN_ERR_ORIGIN_REFUSED: 'The tunnel is open, and works again as soon as the app behind it has started.',
  TUN_ERR_ORIGIN_TLS: 'The tunnel is open, but has no secure connection to the app behind it.',
  TUN_ERR_ORIGIN_RESET: 'The tunnel is open, but the app behind it gave no complete answer.',
  TUN_ERR_ORIGIN_TIMEOUT: 'The tunnel is open, but the app behind it did not answer in time.',
  TUN_ERR_SESSION_CLOSED: 'The connection to the machine that serves this page was lost. Try again in a few seconds.',
  TUN_ERR_TOO_MANY_REQUESTS: 'Let some of them end first. Others who share your address count too.',
  TUN_ERR_TOO_MANY_STREAMS: 'This tunnel carries as many requests as it may. Try again in a few seconds.',
}

/** Codes after which the same request may well succeed soon. */
const retryAfterSeconds: Partial<Record<ErrorCode, number>> = {
  TUN_ERR_TUNNEL_OFFLINE: 1,
  TUN_ERR_ORIGIN_REFUSED: 1,
  TUN_ERR_SESSION_CLOSED: 1,
  TUN_ERR_TOO_MANY_STREAMS: 1,
  TUN_ERR_TOO_MANY_REQUESTS: 1,
  TUN_ERR_DRAINING: 1,
}

/** A 405 has to say what is carried. */
const ALLOW = 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n'

/**
 * The tunnel's own answer: HTML, JSON or text, whatever `accept` asks for first. Small, self-contained, escapes all it echoes.
 * `x-tunnel-error` tells it from an answer of the app. `abuseContact`: a URL, for whoever wants to complain.
 */
export function errorPage(error: TunnelError, accept: string, abuseContact?: string): Answer {
  const { status, code } = error
  const detail = sentence(error.detail)
  const title = titles[code] ?? STATUS_CODES[status] ?? 'Error'
  const hint = hints[code] ?? ''
  const type = preferred(accept)
  const text =
    type === 'text/html'
      ? html(status, title, detail, hint, code, abuseContact)
      : type === 'application/json'
        ? `${JSON.stringify({ error: { code, status, message: error.detail, hint: hint || undefined, abuse: abuseContact } })}\n`
        : `${status} ${title}\n${detail}${hint === '' ? '' : `\n${hint}`}\n(${code})\n${abuseContact === undefined ? '' : `Report abuse: ${abuseContact}\n`}`
  const body = Buffer.from(text)
  const retry = retryAfterSeconds[code]
  return {
    status,
    headers:
      pageHeaders(type, body.length) +
      `X-Tunnel-Error: ${code}\r\n${retry === undefined ? '' : `Retry-After: ${retry}\r\n`}` +
      (code === 'TUN_ERR_METHOD' ? ALLOW : ''),
    body,
  }
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

type PageType = 'text/html' | 'application/json' | 'text/plain'

/** The type with the highest quality in Accept (RFC 9110 section 12.5.1); text where the visitor does not say. */
function preferred(accept: string): PageType {
  let best: PageType = 'text/plain'
  let bestQuality = 0
  for (const item of accept.slice(0, 1_024).split(',')) {
    const [range = '', ...parameters] = item.toLowerCase().split(';')
    const type = offered(range.trim())
    if (type === undefined) continue
    const q = parameters
      .map((parameter) => /^\s*q=([0-9.]+)\s*$/.exec(parameter)?.[1])
      .find((value) => value !== undefined)
    const quality = q === undefined ? 1 : Number(q)
    if (quality > bestQuality) {
      best = type
      bestQuality = quality
    }
  }
  return best
}

function offered(range: string): PageType | undefined {
  if (range === 'text/html' || range === 'application/xhtml+xml') return 'text/html'
  if (range === 'application/json' || range.endsWith('+json')) return 'application/json'
  return range === 'text/plain' || range === 'text/*' ? 'text/plain' : undefined
}

function html(status: number, title: string, detail: string, hint: string, code: string, contact?: string): string {
  const content = `<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(detail)}</p>
${hint === '' ? '' : `<p>${escapeHtml(hint)}</p>\n`}<p><small>${status} · ${code}${abuseLink(contact)}</small></p>`
  return htmlPage(`${status} ${title}`, content)
}
