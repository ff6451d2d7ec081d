// npm run test:matrix [-- 20 22 24 26] [--unit]: the tests on every supported Node, each a real binary from npm.
import './node-version.mjs'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { ensureInstalled } from './install.mjs'
import { npm, root, run, runQuietly } from './project.mjs'
import { ensureSystem } from './system.mjs'

const SUPPORTED = ['20', '22', '24', '26']

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
    // First on PATH, so that whatever the tests start runs on it too.
    const env = { ...process.env, PATH: dirname(binary) + delimiter + process.env.PATH, NODE: binary }
    const tests = async (...dirs) =>
      (await run([binary, 'scripts/run-tests.mjs', ...dirs], { env })) === 0 ? 'passed' : 'failed'
    row.unit = await tests('packages', 'demo', 'bench')
    if (!unitOnly) row.e2e = await tests('--serial', 'e2e')
  }
  row.seconds = Math.round((performance.now() - startedAt) / 1_000)
  return row
}

/**
 * The newest release of a major version, kept under node_modules/.cache. Not from the package `node` but from the one
 * for this platform that it would fetch in an install script, since npm need not run such scripts.
 */
async function fetchNode(major) {
  const windows = process.platform === 'win32'
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`
  const dir = join(root, 'node_modules/.cache/node-matrix', major)
  const binary = join(dir, 'node_modules', name, 'bin', windows ? 'node.exe' : 'node')
  if (existsSync(binary)) return binary
  console.log(`Fetching Node ${major}…`)
  mkdirSync(dir, { recursive: true })
  // A package of its own, or npm would take the folder for a part of this workspace.
  writeFileSync(join(dir, 'package.json'), '{ "private": true }\n')
  const install = npm('install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', dir)
  const { code, output } = await runQuietly([...install, `${name}@${major}`], { cwd: dir })
  if (code === 0 && existsSync(binary)) return binary
  process.stderr.write(output)
  console.error(`Node ${major} could not be fetched as the package ${name}`)
  return undefined
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
