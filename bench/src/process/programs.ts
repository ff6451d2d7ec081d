import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

export const run = promisify(execFile)

const POLICY = '/usr/sbin/policy-rc.d'

/** Where a program is, or undefined. Servers are in sbin, which is not on every PATH. */
export function findProgram(name: string): string | undefined {
  const dirs = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  return dirs.map((dir) => join(dir, name)).find(isExecutable)
}

/** Finds a program, after installing its packages where that needs no question: as root on Debian and its children. */
export async function ensureProgram(name: string, ...aptPackages: string[]): Promise<string | undefined> {
  if (findProgram(name) === undefined && canInstall()) await install(aptPackages)
  return findProgram(name)
}

function canInstall(): boolean {
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) return false
  return existsSync('/etc/os-release') && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
}

async function install(aptPackages: string[]): Promise<void> {
  console.error(`Installing ${aptPackages.join(', ')}…`)
  const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 }
  const allowServices = forbidServices()
  try {
    const command = ['-o', 'DPkg::Lock::Timeout=120', '-y', '-q']
    await run('apt-get', [...command, 'update'], options)
    await run('apt-get', [...command, 'install', '--no-install-recommends', ...aptPackages], options)
  } catch (error) {
    console.error(`could not install ${aptPackages.join(', ')}: ${error instanceof Error ? error.message : error}`)
  } finally {
    allowServices()
  }
}

/** Debian starts a service as soon as its package is there, unless this file says no. Returns what undoes it. */
function forbidServices(): () => void {
  if (existsSync(POLICY)) return () => {}
  const undo = () => rmSync(POLICY, { force: true })
  process.on('exit', undo) // Ctrl-C in the middle of it
  writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => {
    undo()
    process.off('exit', undo)
  }
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
