// npm run test:matrix [-- 20 22 24 26] [--unit]: the tests on every supported Node, each a real binary from npm.
import './node-version.mjs'
import { ensureInstalled } from './install.mjs'
import { environmentOf, fetchNode, SUPPORTED } from './node-binaries.mjs'
import { npm, run, runQuietly } from './project.mjs'
import { ensureSystem } from './system.mjs'

const args = process.argv.slice(2)
const unitOnly = args.includes('--unit')
const wanted = args.filter((arg) => arg !== '--unit')
const wrong = wanted.find((arg) => !/^\d+$/.test(arg))
if (wrong !== undefined) {
  console.error(`"${wrong}" is no major version of Node; for example: npm run test:matrix -- 20 22`)
  process.exit(64)
}
const majors = wanted.length > 0 ? wanted : SUPPORTED

await ensureInstalled()
if (!unitOnly && !(await ensureSystem())) process.exit(1)
const buildCode = await run(npm('run', '--silent', 'build'))
if (buildCode !== 0) process.exit(buildCode)

const rows = []
for (const major of majors) rows.push(await testOn(major))
showTable(rows)
if (rows.some((row) => row.unit !== 'passed' || row.e2e === 'failed')) process.exitCode = 1

async function testOn(major) {
  const startedAt = performance.now()
  const row = { node: major, unit: 'failed', e2e: unitOnly ? 'left out' : 'failed', seconds: 0 }
  const binary = await fetchNode(major)
  if (binary !== undefined) {
    row.node = (await runQuietly([binary, '--version'])).output.trim()
    console.log(`\n── Node ${row.node}`)
    const env = environmentOf(binary)
    const tests = async (...dirs) =>
      (await run([binary, 'scripts/run-tests.mjs', ...dirs], { env })) === 0 ? 'passed' : 'failed'
    row.unit = await tests('packages', 'demo', 'bench')
    if (!unitOnly) row.e2e = await tests('--serial', 'e2e')
  }
  row.seconds = Math.round((performance.now() - startedAt) / 1_000)
  return row
}

function showTable(rows) {
  const cells = [
    ['Node', 'unit', 'e2e', 'time'],
    ...rows.map((row) => [row.node, row.unit, row.e2e, `${row.seconds} s`]),
  ]
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)))
  console.log('')
  for (const line of cells) console.log(line.map((cell, column) => cell.padEnd(widths[column])).join('   '))
}
