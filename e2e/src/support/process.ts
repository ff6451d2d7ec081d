import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** How long anything may take before a test gives up on it: generous, because machines are slow when they are busy. */
export const DEADLINE_MS = 30_000

/** What still runs. A test that times out never leaves its scope, and its file is ended from outside: see below. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1))

export interface RunOptions {
  env?: Record<string, string | undefined>
  cwd?: string
  /** A file descriptor that the command gets as its number 3. */
  passedOn?: number | undefined
  /** Its stdin is a pipe that the test writes to. Default: it has none. */
  typed?: boolean
}

/** A command under test. Its output is kept; what a test waits for is a line or the exit, never time. */
export class Running implements AsyncDisposable {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  readonly #what: string
  readonly #watchers = new Set<() => void>()

  constructor(command: string, args: string[], options: RunOptions = {}) {
    this.#what = [command, ...args].join(' ')
    this.child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [
        options.typed ? 'pipe' : 'ignore',
        'pipe',
        'pipe',
        ...(options.passedOn === undefined ? [] : [options.passedOn]),
      ],
    })
    alive.add(this.child)
    this.child.once('exit', () => alive.delete(this.child))
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#changed()
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#changed()
    })
    this.exited = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        resolve({ code, signal })
        this.#changed()
      })
    })
  }

  get pid(): number {
    return this.child.pid!
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** The first match in what the command has printed, or will print. */
  waitFor(pattern: RegExp, from: 'stdout' | 'stderr' | 'any' = 'any'): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const done = () => {
        clearTimeout(timer)
        this.#watchers.delete(look)
      }
      const look = () => {
        const text = from === 'any' ? `${this.stdout}\n${this.stderr}` : this[from]
        const match = pattern.exec(text)
        if (match !== null) {
          done()
          resolve(match)
        } else if (!this.running && this.child.stdout!.readableEnded) {
          done()
          reject(new Error(`${this.#what} ended without ${pattern}\n${this.output}`))
        }
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`${this.#what} did not print ${pattern}\n${this.output}`))
      }, DEADLINE_MS)
      this.#watchers.add(look)
      look()
    })
  }

  get output(): string {
    return `--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.child.kill(signal)
  }

  /** Wait for the end and return the exit code. */
  async exitCode(): Promise<number | null> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), DEADLINE_MS)
    const { code } = await this.exited
    clearTimeout(timer)
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.running) {
      this.child.kill('SIGKILL')
      await once(this.child, 'close')
    }
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look()
  }
}

/** Poll until `check` returns something other than false or undefined; fails after the deadline with `what`. */
export async function eventually<T>(what: string, check: () => T | Promise<T>): Promise<Exclude<T, false | undefined>> {
  const ends = Date.now() + DEADLINE_MS
  while (true) {
    const value = await check()
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>
    if (Date.now() > ends) throw new Error(`waited in vain for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
