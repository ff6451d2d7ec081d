import { join } from 'node:path'
import { freePort, mustRun, startProgram } from './command.js'
import { fromNpm } from './registries.js'
import type { Score, Suite, Verdict } from './suite.js'

const VERSION = '0.4.5'
/** The package depends on npm itself, which its tests never load. */
const MANIFEST = {
  dependencies: { 'http-cache-tests': VERSION },
  overrides: { 'http-cache-tests': { npm: 'file:./nothing' } },
}

/**
 * cache-tests.fyi: what lies between its client and its server, which compare what they sent with what arrived. About
 * two thirds ask for answers from a cache and fail where there is none; what counts is that they fail the same way.
 */
export const cacheTests: Suite = {
  name: 'http-cache-tests',
  version: VERSION,
  async obtain() {
    const modules = await fromNpm(`http-cache-tests-${VERSION}`, MANIFEST)
    const cwd = join(modules, 'http-cache-tests')
    return {
      async startApp(world) {
        const port = await freePort()
        const env = { npm_config_protocol: 'http', npm_config_port: String(port), npm_config_pidfile: '/dev/null' }
        await startProgram(world, port, process.execPath, ['server/server.mjs'], { cwd, env })
        return port
      },
      async run({ port }) {
        // An empty id means all; one of the two variables has to be set to it.
        const base = `http://127.0.0.1:${port}`
        const env = { npm_config_id: '', npm_package_config_id: '', npm_config_base: base }
        const { stdout } = await mustRun(process.execPath, ['--no-warnings', 'cli.mjs'], { cwd, env })
        return read(stdout, base)
      },
    }
  },
}

function read(stdout: string, base: string): Score {
  const results = JSON.parse(stdout.slice(stdout.indexOf('{'))) as Record<string, true | [kind: string, text: string]>
  return new Map<string, Verdict>(
    Object.entries(results).map(([id, result]) => {
      if (result === true) return [id, { passed: true, words: 'passed' }]
      const text = result[1].replaceAll(base, '').replaceAll(/\/test\/[0-9a-f-]+/g, '/test/…')
      return [id, { passed: false, words: `${result[0]}: ${text}` }]
    }),
  )
}
