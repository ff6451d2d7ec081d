import type { Answer } from '../answer.js'

/** What a page may load and do: nothing, but for the style that it brings. */
const STYLE_ONLY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
/** The same with forms, which go nowhere but to where the page came from; and nobody shows the page inside of another one. */
const WITH_FORM = `${STYLE_ONLY}; form-action 'self'; frame-ancestors 'none'`

/** Header lines of a page of ours. */
export function pageHeaders(type: string, bytes: number, hasForm = false): string {
  return (
    `Content-Type: ${type}; charset=utf-8\r\nContent-Length: ${bytes}\r\nCache-Control: no-store\r\n` +
    `X-Content-Type-Options: nosniff\r\nContent-Security-Policy: ${hasForm ? WITH_FORM : STYLE_ONLY}\r\n` +
    // With a stricter one a browser would not say where a form came from.
    'Referrer-Policy: same-origin\r\n'
  )
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!)
}

/** A host, which may break behind its dots where there is little room. */
export function shownHost(host: string): string {
  return escapeHtml(host).replaceAll('.', '.<wbr>')
}

/** For the small print, behind something else; empty without `contact`, which is a URL. */
export function abuseLink(contact: string | undefined): string {
  return contact === undefined ? '' : ` · <a href="${escapeHtml(contact)}">Report abuse</a>`
}

/** A small page that needs nothing else: no script, no image. `title` is text, `content` HTML. */
export function htmlPage(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;background:#f6f7f9;color:#1c2430}
main{box-sizing:border-box;max-width:min(38rem,100vw - 2rem);margin:1rem;padding:2rem 2.25rem;background:#fff;border-radius:12px;box-shadow:0 1px 3px #0002}
h1{font-size:1.4rem;line-height:1.3;margin:0 0 .75rem;overflow-wrap:anywhere}p{margin:.5rem 0;overflow-wrap:anywhere}small{color:#5b6776}a{color:inherit;white-space:nowrap}
label{display:block;margin:1.25rem 0 .35rem;font-weight:600}
input{box-sizing:border-box;width:100%;padding:.6rem .75rem;font:inherit;color:inherit;background:#fff;border:1px solid #77828f;border-radius:8px}
button{margin:1.25rem 0 .75rem;padding:.6rem 1.4rem;font:inherit;font-weight:600;color:#fff;background:#1f5fbf;border:0;border-radius:8px;cursor:pointer}
:focus-visible{outline:3px solid #6ea3ee;outline-offset:2px}[role=alert]{color:#a31621;font-weight:600}
@media(max-width:30rem){main{padding:1.5rem 1.25rem}}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e3e8ef}main{background:#1b212a}small{color:#93a0b0}input{background:#12161c;border-color:#6b7787}button{background:#2f6fd0}[role=alert]{color:#ff9a9f}}
</style>
<main>
${content}
</main>
</html>
`
}

/** A page with a form. */
export function formAnswer(status: number, title: string, content: string): Answer {
  const body = Buffer.from(htmlPage(title, content))
  return { status, headers: pageHeaders('text/html', body.length, true), body }
}
