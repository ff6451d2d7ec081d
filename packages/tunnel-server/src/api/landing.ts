import type { FastifyInstance } from 'fastify'
import type { ApiContext } from './context.js'

const policy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** `GET /`: what this is, and the command that opens a tunnel here. */
export async function landingRoute(app: FastifyInstance, context: ApiContext): Promise<void> {
  app.get('/', async (_request, reply) => {
    reply.type('text/html; charset=utf-8').header('content-security-policy', policy).header('cache-control', 'no-store')
    return page(context.publicUrl(), context.domain)
  })
  app.get('/robots.txt', async (_request, reply) => {
    reply.type('text/plain; charset=utf-8')
    return 'User-agent: *\nDisallow: /\n'
  })
}

function page(url: string, domain: string): string {
  const example = new URL(url)
  example.hostname = `myname.${domain}`
  const shown = example.href.replace(/\/$/, '')
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Tunnel server · ${domain}</title>
<style>
body{font:16px/1.55 system-ui,sans-serif;margin:0;min-height:100vh;display:grid;place-items:center;background:#f6f7f9;color:#1c2430}
main{max-width:44rem;margin:1rem;padding:2rem 2.25rem;background:#fff;border-radius:12px;box-shadow:0 1px 3px #0002}
h1{font-size:1.5rem;margin:0 0 .5rem}p{margin:.6rem 0}
pre{background:#eef1f5;border-radius:8px;padding:.9rem 1rem;overflow-x:auto;font:14px/1.5 ui-monospace,monospace}
small{color:#5b6776}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e3e8ef}main{background:#1b212a}pre{background:#12161c}small{color:#93a0b0}}
</style>
<main>
<h1>A tunnel server</h1>
<p>It gives an app on somebody's own machine a public address for as long as they share it.</p>
<p>To share an app that runs on port 8080:</p>
<pre>tunnel -p 8080 -s myname --server ${url}</pre>
<p>It is then at <strong>${shown}</strong>.</p>
<p><small>Looking for something that was shared with you? Its address begins with a name: ${shown.replace('myname', '&lt;name&gt;')}</small></p>
</main>
</html>
`
}
