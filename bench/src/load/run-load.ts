import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from '../process/child.js'
import { untilTrue } from '../process/ports.js'
import type { Stage } from '../process/stage.js'
import type { Address, Answers, Carried, Flow, Job, Opened } from './job.js'
import { readWrk, wrkArguments } from './wrk.js'

/** What a load may take beyond its own time before it counts as stuck. */
const GRACE_MS = 20_000
const TUNNELS_DEADLINE_MS = 120_000
/** A load that nobody ends ends itself. */
const LONGEST_STEADY_SECONDS = 3_600
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

  /** The built-in load, going when this resolves, until the returned function is called. */
  async steady(job: Address & { path: string; connections: number }): Promise<() => Promise<Answers>> {
    const child = this.#start({ kind: 'requests', ...job, seconds: LONGEST_STEADY_SECONDS })
    await untilTrue(child, 'ask', async () => child.stdout !== '')
    return () => ended(child)
  }

  /** Goes on until the returned function is called. */
  background(job: Address & { downloads: number; stuck: number }): () => Promise<Carried> {
    const child = this.#start({ kind: 'background', ...job })
    return () => ended(child)
  }

  flow(job: Address & Flow): Promise<Carried> {
    return this.#run({ kind: 'flow', ...job }, job.rampSeconds + job.seconds)
  }

  /** Idle tunnels, all open when this resolves, until the returned function is called. */
  async tunnels(job: Address & { count: number }): Promise<() => Promise<Opened>> {
    const child = this.#start({ kind: 'tunnels', ...job })
    await untilTrue(child, `open ${job.count} tunnels`, async () => child.stdout !== '', TUNNELS_DEADLINE_MS)
    return () => ended(child)
  }

  async #run<Result>(job: Job, seconds: number): Promise<Result> {
    return result(await finished(this.#start(job), seconds))
  }

  #start(job: Job): Child {
    return this.#stage.startScript(`load ${job.kind}`, 'load/main.js', [JSON.stringify(job)])
  }
}

/** What a load printed in the end, behind a line that said it had begun. */
function result<Result>(stdout: string): Result {
  return JSON.parse(stdout.slice(stdout.indexOf('\n') + 1)) as Result
}

/** What a load that goes on until SIGTERM has to say. */
async function ended<Result>(child: Child): Promise<Result> {
  child.signal('SIGTERM')
  return result(await finished(child, 0))
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
