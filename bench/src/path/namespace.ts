import { readlinkSync } from 'node:fs'
import type { Child } from '../process/child.js'
import { untilTrue } from '../process/ports.js'
import { run } from '../process/programs.js'
import type { Stage } from '../process/stage.js'

/** A network of its own. It has no name: it ends with the last process in it. */
export class Namespace {
  readonly #stage: Stage
  readonly #holder: Child

  private constructor(stage: Stage, holder: Child) {
    this.#stage = stage
    this.#holder = holder
  }

  static async start(stage: Stage): Promise<Namespace> {
    const hold = ['--pdeathsig', 'KILL', 'unshare', '--net', 'sleep', 'infinity']
    const holder = stage.start('far side', 'setpriv', hold)
    await untilTrue(holder, 'have a network of its own', async () => networkOf(holder.pid) !== networkOf(process.pid))
    return new Namespace(stage, holder)
  }

  /** Stands for it in other commands. */
  get file(): string {
    return `/proc/${this.#holder.pid}/ns/net`
  }

  /** For `ip link`. */
  get pid(): number {
    return this.#holder.pid
  }

  /** Starts a program in it. */
  start(name: string, command: string[]): Child {
    return this.#stage.start(name, 'nsenter', [`--net=${this.file}`, ...command])
  }

  /** Runs lines of shell in it, up to the first that fails. Resolves to what they printed. */
  async shell(lines: string): Promise<string> {
    const { stdout } = await run('nsenter', [`--net=${this.file}`, 'sh', '-ec', lines])
    return stdout
  }

  async stop(): Promise<void> {
    await this.#holder.stop()
  }
}

/** The same for the network that this process is in. */
export async function shellHere(lines: string): Promise<string> {
  const { stdout } = await run('sh', ['-ec', lines])
  return stdout
}

/** Tells networks apart. */
function networkOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/ns/net`)
}
