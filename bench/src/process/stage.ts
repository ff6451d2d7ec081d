import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from './child.js'
import { descendants } from './usage.js'

/** Owns every process and every temporary folder of a run: nothing outlives it, however the run ends. */
export class Stage implements Disposable {
  readonly #children = new Set<Child>()
  readonly #dirs: string[] = []

  /** Where programs keep state that would otherwise go to the user's home, such as an agent's claim to its name. */
  readonly #stateDir: string

  constructor() {
    this.#stateDir = this.tempDir()
    process.on('exit', () => this.#clear())
    for (const [signal, number] of [['SIGINT', 2] as const, ['SIGTERM', 15] as const, ['SIGHUP', 1] as const]) {
      process.on(signal, () => process.exit(128 + number))
    }
  }

  start(name: string, command: string, args: string[]): Child {
    const child = new Child(name, [command, ...args], { XDG_STATE_HOME: this.#stateDir }, (ended) => {
      this.#children.delete(ended)
    })
    this.#children.add(child)
    return child
  }

  /** A script of this package in a process of its own; `path` is relative to its compiled sources. */
  startScript(name: string, path: string, args: string[]): Child {
    return this.start(name, process.execPath, [fileURLToPath(new URL(`../${path}`, import.meta.url)), ...args])
  }

  tempDir(): string {
    const dir = mkdtempSync(join(tmpdir(), 'tunnel-bench-'))
    this.#dirs.push(dir)
    return dir
  }

  [Symbol.dispose](): void {
    this.#clear()
  }

  /** Synchronous, because it also has to work while the process exits. */
  #clear(): void {
    for (const child of this.#children) {
      for (const pid of [child.pid, ...descendants(child.pid)]) kill(pid)
    }
    for (const dir of this.#dirs) rmSync(dir, { recursive: true, force: true })
  }
}

function kill(pid: number): void {
  if (pid === 0) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch {} // it has just ended
}
