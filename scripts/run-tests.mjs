// node scripts/run-tests.mjs [--serial] [--totals <file>] <dir>… [-- <arguments for node --test>]
import './node-version.mjs'
import { existsSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageDirs, root, run } from './project.mjs'

/** A test that hangs should fail by name, not by the patience of whoever waits for it. */
const TEST_TIMEOUT_MS = 10 * 60_000

const dirs = []
const extra = []
let serial = false
let totals
const args = process.argv.slice(2)
while (args.length > 0) {
  const arg = args.shift()
  if (arg === '--serial') serial = true
  else if (arg === '--totals') totals = args.shift()
  else if (arg === '--') extra.push(...args.splice(0))
  // npm takes away the first --, so the arguments behind it arrive here without.
  else if (arg.startsWith('-')) extra.push(arg, ...args.splice(0).filter((rest) => rest !== '--'))
  else dirs.push(arg)
}

const files = dirs.flatMap(packageDirs).flatMap(testFiles)
if (files.length === 0) {
  console.error(`no compiled tests under ${dirs.join(', ') || 'no folder at all'}; has npm run build been run?`)
  process.exit(1)
}

const reporters = ['--test-reporter=spec', '--test-reporter-destination=stdout']
if (totals !== undefined) {
  const reporter = pathToFileURL(join(root, 'scripts/totals-reporter.mjs')).href
  reporters.push(`--test-reporter=${reporter}`, `--test-reporter-destination=${totals}`)
}
const given = (option) => extra.some((arg) => arg.startsWith(option))
const options = []
if (serial && !given('--test-concurrency')) options.push('--test-concurrency=1')
if (!given('--test-timeout')) options.push(`--test-timeout=${TEST_TIMEOUT_MS}`)
process.exitCode = await run([process.execPath, '--test', ...reporters, ...options, ...extra, ...files])

function testFiles(dir) {
  const dist = join(root, dir, 'dist')
  if (!existsSync(dist)) return []
  return (
    readdirSync(dist, { recursive: true })
      .filter((name) => name.endsWith('.test.js'))
      // tsc leaves the output of a source file that is gone; its tests would go on running.
      .filter((name) => existsSync(join(root, dir, 'src', name.replace(/\.js$/, '.ts'))))
      .sort()
      .map((name) => relative(root, join(dist, name)).split(sep).join('/'))
  )
}
