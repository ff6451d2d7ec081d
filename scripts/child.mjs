// One program that start.mjs runs: its output, its end, and how it is ended.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { root } from './project.mjs'

const KEPT_LINES = 40
const leash = pathToFileURL(join(root, 'scripts/leash.mjs')).href

export class Child {
  /** The last lines that the program wrote, to be shown when it fails. */
  lastLines = []
  /** Called for each line that it writes, with `stdout` or `stderr`. */
  onLine
  /** Set once it has ended: `exit code 1`, `SIGKILL`. */
  ending = undefined
  #process
  #exited

  /**
   * Its own process group keeps the terminal's Ctrl-C away from it: start.mjs ends the programs, in its order.
   */
  constructor(name, script, args, onLine = () => {}) {
    this.name = name
    this.onLine = onLine
    this.#process = spawn(process.execPath, ['--import', leash, join(root, script), ...args], {
      cwd: root,
      env: cleanEnvironment(),
      detached: true,
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    for (const stream of ['stdout', 'stderr']) {
      createInterface({ input: this.#process[stream] }).on('line', (line) => {
        this.lastLines.push(line)
        if (this.lastLines.length > KEPT_LINES) this.lastLines.shift()
        this.onLine(line, stream)
      })
    }
    this.#exited = this.#watch()
  }

  /** Resolves when it has ended and all its output was read. */
  exited() {
    return this.#exited
  }

  /** Asks it to leave, asks again, then leaves it no choice. */
  async stop(patienceMs) {
    for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL']) {
      if (this.ending !== undefined) return
      if (signal === 'SIGKILL') this.kill()
      else this.#process.kill(signal)
      await Promise.race([this.#exited, sleep(patienceMs / 2, undefined, { ref: false })])
    }
    await this.#exited
  }

  /** At once, with whatever it started itself. */
  kill() {
    if (this.ending !== undefined || this.#process.pid === undefined) return
    try {
      if (process.platform === 'win32') this.#process.kill('SIGKILL')
      else process.kill(-this.#process.pid, 'SIGKILL')
    } catch {} // it has just ended
  }

  async #watch() {
    const closed = once(this.#process, 'close').catch(() => {})
    try {
      const [code, signal] = await once(this.#process, 'exit')
      // What it started itself may hold the pipes open.
      await Promise.race([closed, sleep(500, undefined, { ref: false })])
      this.ending = signal === null ? `exit code ${code}` : signal
    } catch (error) {
      this.ending = error.message // it could not be started
    }
  }
}

/** Settings meant for a real server or agent (a token, a domain) must not reach the ones started here. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TUNNEL_')))
}
