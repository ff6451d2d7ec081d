import './node-version.mjs'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isCi, isMain, mustRunQuietly, npm, root, runQuietly, showAndExit } from './project.mjs'

/** Installs the packages when node_modules is missing or does not hold what package-lock.json asks for. */
export async function ensureInstalled() {
  const locked = existsSync(join(root, 'package-lock.json'))
  if (locked ? isCurrent() : existsSync(join(root, 'node_modules'))) return
  console.log('Installing packages…')
  if (locked) {
    const { code, output } = await runQuietly(npm('ci', '--no-audit', '--no-fund'))
    if (code === 0) return
    // EUSAGE: the lock file lacks something, such as a package for another platform. CI must notice; a person wants to go on.
    if (isCi() || !output.includes('EUSAGE')) showAndExit(npm('ci'), code, output)
    console.log('package-lock.json is not complete; installing with npm install instead of npm ci')
  }
  await mustRunQuietly(npm('install', '--no-save', '--no-audit', '--no-fund'))
}

/**
 * Compares contents, not times: a checkout makes every file new without changing anything.
 * npm writes what it installed to node_modules/.package-lock.json.
 */
function isCurrent() {
  const installed = readPackages('node_modules/.package-lock.json')
  const wanted = readPackages('package-lock.json')
  if (installed === undefined || wanted === undefined) return false
  return Object.keys(wanted).every((path) => {
    if (!path.includes('node_modules/')) return true // the root and the workspaces, whose links are compared
    const want = wanted[path]
    const have = installed[path]
    // Optional packages are left out where they do not fit the machine.
    if (have === undefined) return want.optional === true || want.devOptional === true
    const same = want.link ? have.resolved === want.resolved : have.version === want.version
    return same && existsSync(join(root, path))
  })
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  } catch {
    return undefined
  }
}

if (isMain(import.meta.url)) await ensureInstalled()
