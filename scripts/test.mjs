// npm test: everything but the benchmark, in the order in which a failure is cheapest.
import './node-version.mjs'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { npm, run } from './project.mjs'
import { ensureSystem } from './system.mjs'

const scratch = mkdtempSync(join(tmpdir(), 'tunnel-test-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
const sumFiles = []

await step('packages', async () => {
  await ensureInstalled()
  return 0
})
await step('system programs', async () => ((await ensureSystem()) ? 0 : 1))
await step('build', () => run(npm('run', '--silent', 'build')))
await step('lint', () => run(npm('run', '--silent', 'lint')))
await step('unit tests', () => tests('packages', 'demo', 'bench'))
await step('cost of requests', () => run([process.execPath, 'bench/dist/check/main.js']))
await step('end-to-end tests', () => tests('--serial', 'e2e'))
showSums()

async function step(name, work) {
  console.log(`\n── ${name}`)
  const code = await work()
  if (code === 0) return
  console.error(`\n${name}: failed`)
  process.exit(code)
}

function tests(...args) {
  const sums = join(scratch, `sums-${sumFiles.length}`)
  sumFiles.push(sums)
  return run([process.execPath, 'scripts/run-tests.mjs', '--totals', sums, ...args])
}

/** The sums of all runs, as node's own runner prints them for one. */
function showSums() {
  const sums = new Map()
  for (const file of sumFiles) {
    for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
      const [name, value] = line.split(' ')
      sums.set(name, (sums.get(name) || 0) + Number(value))
    }
  }
  console.log('\n── all tests')
  for (const [name, value] of sums) console.log(`ℹ ${name} ${value}`)
}
