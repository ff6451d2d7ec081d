// Every supported Node, each a real binary from npm.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { npm, root, runQuietly } from './project.mjs'

export const SUPPORTED = ['20', '22', '24', '26']

/** For a process on that Node: it is first on PATH, so that whatever is started there runs on it too. */
export function environmentOf(binary) {
  return { ...process.env, PATH: dirname(binary) + delimiter + process.env.PATH, NODE: binary }
}

/**
 * The newest release of a major version, kept under node_modules/.cache. Not from the package `node` but from the one
 * for this platform that it would fetch in an install script, since npm need not run such scripts.
 */
export async function fetchNode(major) {
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
