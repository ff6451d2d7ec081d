// npm run bench:check [-- --matrix] [flags]: whether requests cost more than they did; --help tells the flags.
import './node-version.mjs'
import { environmentOf, fetchNode, SUPPORTED } from './node-binaries.mjs'
import { npm, run } from './project.mjs'

const flags = process.argv.slice(2).filter((arg) => arg !== '--matrix')
const matrix = process.argv.includes('--matrix')

const buildCode = await run(npm('run', '--silent', 'build'))
if (buildCode !== 0) process.exit(buildCode)
if (!matrix) process.exit(await check(process.execPath))
for (const major of SUPPORTED) {
  console.log(`\n── Node ${major}`)
  const binary = await fetchNode(major)
  if (binary === undefined || (await check(binary)) !== 0) process.exitCode = 1
}

function check(binary) {
  return run([binary, 'bench/dist/check/main.js', ...flags], { env: environmentOf(binary) })
}
