import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { escapeHtml } from './html.js'
import { pageScript } from './page-script.js'
import { pageStyle } from './page-style.js'

const sourceHash = (source: string) => `'sha256-${createHash('sha256').update(source).digest('base64')}'`

/** The page loads nothing from elsewhere; the policy makes sure of it, even if a header should slip through unescaped. */
export const pageHeaders: Record<string, string> = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    `style-src ${sourceHash(pageStyle)}`,
    `script-src ${sourceHash(pageScript)}`,
    'img-src data:',
    "connect-src 'self' ws: wss:", // 'self' alone leaves WebSockets out in older Safari
    "form-action 'self'",
    "base-uri 'none'",
  ].join('; '),
}

const icon =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 32 32%22%3E' +
  '%3Cpath d=%22M3 28V16a13 13 0 0 1 26 0v12h-7V16a6 6 0 0 0-12 0v12z%22 fill=%22%230d7a5f%22/%3E%3C/svg%3E'

/** The demo's only page: what the app saw of this request, and things to try through the tunnel. */
export function renderPage(request: IncomingMessage): string {
  const publicHost = first(request.headers['x-forwarded-host'])
  const host = publicHost ?? request.headers.host ?? ''
  const local = `${request.socket.localAddress ?? ''}:${request.socket.localPort ?? ''}`
  const tunneled = publicHost !== undefined || request.headers['x-forwarded-for'] !== undefined
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Tunnel demo</title>
<link rel="icon" href="${icon}">
<style>${pageStyle}</style>
</head>
<body>
<header>
<h1>${tunneled ? 'The tunnel works' : 'The demo app is running'}</h1>
<p>${
    tunneled
      ? 'This page comes from an app that listens on one machine only. Everything below runs through the tunnel.'
      : 'You opened it directly. Open it through a tunnel and everything below runs through that.'
  }</p>
${renderPath(host, local, tunneled)}
</header>
<main>
<section class="request" aria-labelledby="request-title">
<h2 id="request-title">The request as the app saw it</h2>
<table>
<caption class="hidden">Request line and headers, in the order and case in which they arrived</caption>
<tbody>
${renderRequest(request)}
</tbody>
</table>
</section>
<div class="try">
<section aria-labelledby="echo-title">
<h2 id="echo-title">WebSocket echo</h2> <p class="state" id="echo-state" role="status">connecting</p>
<ol id="echo-log" role="log" aria-label="Messages" tabindex="0"></ol>
<form id="echo-form" class="row">
<label class="hidden" for="echo-input">Message</label>
<input id="echo-input" type="text" placeholder="Say something" autocomplete="off" maxlength="10000">
<button id="echo-send" type="submit">Send</button>
</form>
</section>
<section aria-labelledby="clock-title">
<h2 id="clock-title">Clock</h2> <p class="state" id="clock-state" role="status">connecting</p>
<time id="clock">waiting for the first event</time>
<p class="note">A server-sent event every second. <span id="clock-count"></span></p>
</section>
<section aria-labelledby="upload-title">
<h2 id="upload-title">Upload</h2>
<form id="upload-form" action="/upload" method="post" enctype="multipart/form-data">
<label class="drop" id="upload-drop" for="upload-file"><strong>Choose a file</strong> <span>or drop it here</span></label>
<input id="upload-file" class="hidden" type="file" name="file">
<noscript><button type="submit">Upload</button></noscript>
</form>
<progress id="upload-progress" max="1" value="0" aria-label="Upload progress" hidden></progress>
<output id="upload-result" for="upload-file"></output>
<p class="note">The app counts and hashes it and keeps nothing.</p>
</section>
<section aria-labelledby="download-title">
<h2 id="download-title">Download</h2>
<p class="row links">
<a href="/download?bytes=1048576">1 MiB</a>
<a href="/download?bytes=104857600">100 MiB</a>
<a href="/download?bytes=1073741824">1 GiB</a>
<a href="/download?bytes=4294967296">4 GiB</a>
</p>
<p class="note">The same bytes every time: two downloads have the same checksum.</p>
</section>
</div>
</main>
<script>${pageScript}</script>
</body>
</html>
`
}

function renderPath(host: string, local: string, tunneled: boolean): string {
  const stops = tunneled ? ['your browser', host, 'tunnel', local] : ['your browser', local]
  const items = stops.map((stop) => `<li>${escapeHtml(stop)}</li>`)
  return `<ol class="path" aria-label="The way of this request">${items.join('')}</ol>`
}

function renderRequest(request: IncomingMessage): string {
  const line = `${request.method} ${request.url} HTTP/${request.httpVersion}`
  const rows = [`<tr class="line"><td colspan="2"><code>${escapeHtml(line)}</code></td></tr>`]
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i]!
    const added = /^(x-forwarded-|x-real-ip$|forwarded$|via$)/i.test(name)
    rows.push(
      `<tr${added ? ' class="added"' : ''}><th scope="row">${escapeHtml(name)}</th>` +
        `<td><code>${escapeHtml(request.rawHeaders[i + 1]!)}</code></td></tr>`,
    )
  }
  return rows.join('\n')
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}
