import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const KEPT_CHARACTERS = 1 << 20
const KEPT_OF_A_LINE = 300
/** A server that is asked to leave may wait for open requests; nobody waits for it here. */
const PATIENCE_MS = 2_000

/** One program that the benchmark has started. */
export class Child {
  readonly name: string
  /** Why it ended: `exit code 1`, `SIGKILL`. Never rejects. */
  readonly ended: Promise<string>
  readonly #process: ChildProcess
  #running = true
  #stdout = ''
  #stderr = ''

  /** `env` is set on top of the environment that we have ourselves. */
  constructor(
    name: string,
    [command = '', ...args]: string[],
    env: Record<string, string>,
    onEnd: (child: Child) => void,
  ) {
    this.name = name
    this.#process = spawn(command, args, { env: { ...cleanEnvironment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#process.stdout?.on('data', (part: Buffer) => {
      this.#stdout = `${this.#stdout}${part}`.slice(-KEPT_CHARACTERS)
    })
    this.#process.stderr?.on('data', (part: Buffer) => {
      this.#stderr = `${this.#stderr}${part}`.slice(-KEPT_CHARACTERS)
    })
    this.ended = this.#watch().finally(() => {
      this.#running = false
      onEnd(this)
    })
  }

  /** 0 when it could not be started. */
  get pid(): number {
    return this.#process.pid ?? 0
  }

  get running(): boolean {
    return this.#running
  }

  /** What it wrote, or the end of it. */
  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  /** The last lines of all that it wrote, for an error message. */
  get lastWords(): string {
    const lines = `${this.#stdout}${this.#stderr}`.trim().split('\n').slice(-5)
    return lines.map((line) => line.slice(0, KEPT_OF_A_LINE)).join('\n')
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#running) this.#process.kill(signal)
  }

  /** Asks it to leave, and after two seconds leaves it no choice. */
  async stop(): Promise<void> {
    this.signal('SIGTERM')
    await Promise.race([this.ended, sleep(PATIENCE_MS, undefined, { ref: false })])
    this.signal('SIGKILL')
    await this.ended
  }

  async #watch(): Promise<string> {
    try {
      const [code, signal] = await once(this.#process, 'close')
      return signal === null ? `exit code ${code}` : signal
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
}

/** Settings meant for a real server or agent must not reach the ones measured here. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_OPTIONS: _, ...rest } = process.env
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('TUNNEL_')))
}
