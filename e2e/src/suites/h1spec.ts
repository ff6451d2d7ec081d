import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { echoApp } from './apps.js'
import { runToEnd } from './command.js'
import { fromNpm } from './registries.js'
import type { Score, Suite } from './suite.js'

const DENO = '2.9.6'
const COMMIT = '57dd313'
const BLOB = '44b80840bc1c1b731ff969d676cd97290008acb0'

/** h1spec of uNetworking: requests on bare sockets. One file for Deno, which npm has; the file no registry has. */
export const h1spec: Suite = {
  name: 'h1spec',
  version: COMMIT,
  host: ['example', 'com'],
  async obtain({ h1spec }) {
    if (h1spec === undefined) return 'no registry has it; --h1spec <path of its http_test.ts> runs it'
    if (blobId(readFileSync(h1spec)) !== BLOB) return `${h1spec} is not the http_test.ts of commit ${COMMIT}`
    const platform = `${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`
    const modules = await fromNpm(`deno-${DENO}`, { dependencies: { [`@deno/${platform}`]: DENO } })
    const deno = join(modules, '@deno', platform, process.platform === 'win32' ? 'deno.exe' : 'deno')
    return {
      startApp: echoApp,
      async run({ port, folder }) {
        const args = ['run', '--no-check', '--no-prompt', '--allow-net=127.0.0.1', h1spec, '127.0.0.1', String(port)]
        const env = { NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_DIR: folder }
        const { stdout, stderr } = await runToEnd(deno, args, { env })
        return read(`${stdout}\n${stderr}`)
      },
    }
  },
}

/** As git names the content of a file. */
function blobId(content: Buffer): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

function read(output: string): Score {
  const lines = [...output.matchAll(/^(✅|❌) (.*?): (.*?)(?:, Expected.*)?$/gm)]
  return new Map(lines.map(([, mark, name, words]) => [name!, { passed: mark === '✅', words: words! }]))
}
