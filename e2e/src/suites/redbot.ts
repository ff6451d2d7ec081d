import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, freePort, mustRun, startProgram } from './command.js'
import { fromPypi } from './registries.js'
import type { Score, Suite } from './suite.js'

const VERSION = '2.7.1'
const HTTPLINT = '2026.10.4'
const pages = {
  'page.html': `<!doctype html><title>Page</title>${'<p>Words.</p>'.repeat(500)}`,
  'data.json': JSON.stringify(Array.from({ length: 2_000 }, (_, n) => ({ n }))),
  'empty.txt': '',
}
/** When the pages last changed: there is a note on those that changed just now. */
const OLD = new Date('2020-01-01')

/**
 * REDbot asks for a resource in several ways (plain, compressed, in ranges, on conditions) and takes notes on the answers.
 * Each note is a case: it passes where the app alone gets it.
 */
export const redbot: Suite = {
  name: 'REDbot',
  version: VERSION,
  async obtain() {
    const nginx = findProgram('nginx')
    if (nginx === undefined) return 'it asks nginx, which is not installed (apt-get install nginx-light)'
    const bin = await fromPypi(`redbot-${VERSION}`, `REDbot==${VERSION}`, `httplint==${HTTPLINT}`)
    return {
      async startApp(world) {
        const port = await freePort()
        const folder = world.newState()
        mkdirSync(join(folder, 'pages'), { recursive: true })
        for (const [page, text] of Object.entries(pages)) {
          writeFileSync(join(folder, 'pages', page), text)
          utimesSync(join(folder, 'pages', page), OLD, OLD)
        }
        writeFileSync(join(folder, 'nginx.conf'), configuration(folder, port))
        await startProgram(world, port, nginx, ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')])
        return port
      },
      async run({ port, folder }) {
        const score: Score = new Map()
        for (const page of [...Object.keys(pages), 'missing.html']) {
          const url = `http://127.0.0.1:${port}/${page}`
          const { stdout } = await mustRun(join(bin, 'redbot'), ['-o', 'text', url], { cwd: folder })
          for (const note of notes(stdout)) score.set(`${page}: ${note}`, { passed: true, words: 'noted' })
        }
        return score
      },
    }
  },
}

/** `  * The server's clock is correct.`, deeper ones being parts of it. What depends on time or port is left out. */
function notes(stdout: string): string[] {
  const found = [...stdout.matchAll(/^ +\* (.*)$/gm)].map(([, note]) => note!.replaceAll(/127\.0\.0\.1:\d+/g, '…'))
  return found.filter((note) => !/ago|clock/.test(note))
}

/** One process without a master, so that ending it by its pid ends all of it. */
function configuration(dir: string, port: number): string {
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${dir}/${kind};`)
  return `
daemon off;
master_process off;
pid ${dir}/nginx.pid;
error_log stderr error;
events {}
http {
  access_log off;
  ${temp.join('\n  ')}
  types { text/html html; application/json json; text/plain txt; }
  gzip on;
  gzip_min_length 1;
  gzip_vary on;
  gzip_types application/json text/plain;
  server {
    listen 127.0.0.1:${port};
    root ${dir}/pages;
  }
}
`
}
