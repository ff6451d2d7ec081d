import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../process/child.js'
import type { Stage } from '../process/stage.js'
import type { Address, Answers, Carried, Job } from './job.js'
import { readWrk, wrkArguments } from './wrk.js'

/** What a load may take beyond its own time before it counts as stuck. */
const GRACE_MS = 20_000
/** A transfer that is slower than this does not come to its end. In bytes per second. */
const SLOWEST = 8 * 1_024 * 1_024

export type RequestsJob = Address & { path: string; connections: number; seconds: number }

/** Starts loads in processes of their own and waits for what they say. */
export class Loads {
  readonly #stage: Stage
  readonly #wrk: string | undefined

  /** `wrk`: where it is; undefined for the built-in load. */
  constructor(stage: Stage, wrk: string | undefined) {
    this.#stage = stage
    this.#wrk = wrk
  }

  async requests(job: RequestsJob): Promise<Answers> {
    if (this.#wrk === undefined) return this.#run({ kind: 'requests', ...job }, job.seconds)
    const child = this.#stage.start('wrk', this.#wrk, wrkArguments(job))
    return readWrk(await finished(child, job.seconds))
  }

  download(job: Address & { streams: number; bytes: number; bytesPerSecond?: number }): Promise<Carried> {
    const bytesPerSecond = job.bytesPerSecond ?? 0
    return this.#run(
      { kind: 'download', ...job, bytesPerSecond },
      job.bytes / Math.min(bytesPerSecond || SLOWEST, SLOWEST),
    )
  }

  upload(job: Address & { streams: number; bytes: number; chunked: boolean }): Promise<Carried> {
    return this.#run({ kind: 'upload', ...job }, job.bytes / SLOWEST)
  }

  echo(job: Address & { sockets: number; inFlight: number; messageBytes: number; seconds: number }): Promise<Answers> {
    return this.#run({ kind: 'echo', ...job }, job.seconds)
  }

  /** Goes on until the returned function is called. */
  background(job: Address & { downloads: number; stuck: number }): () => Promise<Carried> {
    const child = this.#start({ kind: 'background', ...job })
    return async () => {
      child.signal('SIGTERM')
      return JSON.parse(await finished(child, 0)) as Carried
    }
  }

  async #run<Result extends Answers | Carried>(job: Job, seconds: number): Promise<Result> {
    return JSON.parse(await finished(this.#start(job), seconds)) as Result
  }

  #start(job: Job): Child {
    return this.#stage.startScript(`load ${job.kind}`, 'load/main.js', [JSON.stringify(job)])
  }
}

/** What the child printed. Rejects when it fails or takes too long; then it is ended. */
async function finished(child: Child, seconds: number): Promise<string> {
  const late = 'late'
  const patience = new AbortController()
  const deadline = sleep(seconds * 1_000 + GRACE_MS, late, { signal: patience.signal }).catch(() => late)
  const ending = await Promise.race([child.ended, deadline])
  patience.abort()
  if (ending === 'exit code 0') return child.stdout
  if (ending === late) {
    child.signal('SIGKILL')
    throw new Error(`${child.name} got no end within ${Math.round(seconds + GRACE_MS / 1_000)} s`)
  }
  throw new Error(`${child.name} failed (${ending}): ${child.lastWords}`)
}
