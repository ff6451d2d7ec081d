// npm run test:suites [-- flags]: conformance suites of others, fetched from their registries; --help tells the flags.
import './node-version.mjs'
import { ensureInstalled } from './install.mjs'
import { npm, run } from './project.mjs'
import { ensureSystem } from './system.mjs'

await ensureInstalled()
await ensureSystem(['nginx', 'litmus', 'slowhttptest'])
const buildCode = await run(npm('run', '--silent', 'build'))
if (buildCode !== 0) process.exit(buildCode)
process.exitCode = await run([process.execPath, 'e2e/dist/suites/main.js', ...process.argv.slice(2)])
