// What the scripts share: where things are, and how to run a command.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** The folders of the workspace packages, relative to the root: `packages/tunnel-server`, `demo` … */
export function workspaceDirs() {
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return workspaces.flatMap(packageDirs)
}

/** `packages` or `packages/*` is every package in it; `demo` is itself; nothing when it is no package and holds none. */
export function packageDirs(pattern) {
  const dir = pattern.replace(/\/(\*)?$/, '')
  const isPackage = (path) => existsSync(join(root, path, 'package.json'))
  if (isPackage(dir)) return [dir]
  if (!existsSync(join(root, dir))) return []
  return readdirSync(join(root, dir))
    .map((name) => `${dir}/${name}`)
    .filter(isPackage)
    .sort()
}

/** The command and arguments that run npm: the one that runs us, if any, since there may be several. */
export function npm(...args) {
  const script = process.env.npm_execpath
  if (script !== undefined && /npm-cli\.c?js$/.test(script)) return [process.execPath, script, ...args]
  return process.platform === 'win32' ? ['cmd.exe', '/d', '/c', 'npm', ...args] : ['npm', ...args]
}

/** Runs a command with our terminal; resolves to its exit code. */
export async function run([command, ...args], options = {}) {
  return (await start(command, args, { stdio: 'inherit', ...options })).code
}

/** Runs a command that nobody needs to see; resolves to its exit code and all that it said. */
export function runQuietly([command, ...args], options = {}) {
  return start(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
}

/** As runQuietly, but a failure is shown and ends this process. */
export async function mustRunQuietly(command, options) {
  const { code, output } = await runQuietly(command, options)
  if (code !== 0) showAndExit(command, code, output)
}

export function showAndExit(command, code, output) {
  process.stderr.write(output.endsWith('\n') ? output : `${output}\n`)
  console.error(`failed: ${command.map((part) => part.replace(/^.*\/npm-cli\.c?js$/, 'npm')).join(' ')}`)
  process.exit(code)
}

/** Ends this process when it is told to, once the command has ended too: nothing is left behind. */
function start(command, args, options) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, ...options })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    let signalled
    const forward = (signal) => {
      signalled = signal
      child.kill(signal)
    }
    for (const signal of endingSignals) process.on(signal, forward)
    const finish = (code) => {
      for (const signal of endingSignals) process.off(signal, forward)
      if (signalled !== undefined) process.exit(exitCodeOf(signalled))
      resolve({ code, output })
    }
    child.once('error', (error) => {
      output += `${command}: ${error.message}\n`
      if (options.stdio === 'inherit') process.stderr.write(output)
      finish(127)
    })
    child.once('close', (code, signal) => finish(code === null ? exitCodeOf(signal) : code))
  })
}

/** As a shell counts it: 128 and the number of the signal. */
export function exitCodeOf(signal) {
  return 128 + (constants.signals[signal] || 0)
}

export function isCi() {
  return ['true', '1'].includes(process.env.CI || '')
}

export function isMain(moduleUrl) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(moduleUrl)
}
