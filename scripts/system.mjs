import './node-version.mjs'
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { isCi, isMain, runQuietly } from './project.mjs'

/** What some tests need beside Node. The first command that exists counts; `apt` may be several packages. */
const programs = {
  chromium: {
    commands: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    apt: 'chromium',
    tests: 'the tests in a real browser',
  },
  caddy: { commands: ['caddy'], apt: 'caddy', tests: 'the tests behind Caddy' },
  nginx: { commands: ['nginx'], apt: 'nginx-light', tests: 'the tests behind nginx' },
  ip: { commands: ['ip'], apt: 'iproute2', tests: 'the tests of networks that go away or are slow' },
  cc: { commands: ['cc'], apt: 'gcc libc6-dev', tests: 'the tests of slow networks' },
  systemd: { commands: ['systemd-notify'], apt: 'systemd', tests: 'the tests of the systemd units' },
  litmus: { commands: ['litmus'], apt: 'litmus', tests: 'its suite' },
  slowhttptest: { commands: ['slowhttptest'], apt: 'slowhttptest', tests: 'its suite' },
}
/** What npm test needs. */
const forTests = ['chromium', 'caddy', 'nginx', 'ip', 'cc', 'systemd']

/** Where a program is, or undefined. */
export function find(name) {
  // nginx is in /usr/sbin, which is not on every PATH.
  const dirs = [...(process.env.PATH || '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].filter(Boolean)
  for (const command of programs[name].commands) {
    for (const dir of dirs) {
      if (isExecutable(join(dir, command))) return join(dir, command)
    }
  }
  return undefined
}

export function has(name) {
  return find(name) !== undefined
}

/**
 * Installs what is missing where that is possible without asking: as root on Debian and its children.
 * Elsewhere says what will be skipped; in CI, where nothing may be skipped unnoticed, resolves to false.
 */
export async function ensureSystem(names = forTests) {
  const missing = () => names.filter((name) => !has(name))
  if (missing().length > 0 && canInstall()) await install(missing())
  for (const name of missing()) console.log(`${name} is not installed: ${programs[name].tests} will be skipped`)
  return missing().length === 0 || !isCi()
}

function canInstall() {
  if (process.getuid === undefined || process.getuid() !== 0) return false
  if (!isExecutable('/usr/bin/apt-get') || !existsSync('/etc/os-release')) return false
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))
}

async function install(names) {
  console.log(`Installing ${names.join(', ')}…`)
  // RUNLEVEL keeps services from starting under sysvinit; systemd asks policy-rc.d.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  const restore = forbidServices()
  process.on('exit', restore)
  try {
    const aptGet = ['apt-get', '-o', 'DPkg::Lock::Timeout=120', '-y', '-q']
    const update = await runQuietly([...aptGet, 'update'], { env })
    if (update.code !== 0) process.stderr.write(update.output)
    // One by one: that one has no package here should not keep the others away.
    for (const name of names) {
      const command = [...aptGet, 'install', '--no-install-recommends', ...programs[name].apt.split(' ')]
      const { code, output } = await runQuietly(command, { env })
      if (code !== 0) process.stderr.write(output)
    }
  } finally {
    restore()
    process.off('exit', restore)
  }
}

/** Debian starts a service as soon as its package is there, unless this file says no. Returns what undoes it. */
function forbidServices() {
  const path = '/usr/sbin/policy-rc.d'
  if (existsSync(path)) return () => {}
  writeFileSync(path, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  return () => rmSync(path, { force: true })
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

if (isMain(import.meta.url) && !(await ensureSystem())) process.exitCode = 1
