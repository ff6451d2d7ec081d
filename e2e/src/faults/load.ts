import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import type { World } from '../support/world.js'
import { Chatter } from './chatter.js'
import type { Progress } from './progress.js'
import { SteadyRequests } from './requests.js'
import { download, upload } from './transfers.js'

const APP = fileURLToPath(new URL('app.js', import.meta.url))
const SOCKETS = 50

/** Limits that the load would reach by itself while its agent is away. */
export const ROOM = [
  ...['--max-streams', '16384', '--max-streams-per-tunnel', '16384', '--max-streams-per-visitor', '16384'],
  ...['--max-parked', '16384', '--park', '30s'],
]

/** Start the app in a process of its own. Resolves to its port. */
export async function startApp(world: World, launcher: string[] = []): Promise<number> {
  const [, port] = await world.run(APP, [], {}, launcher).waitFor(/port (\d+)/)
  return Number(port)
}

/** All that visitors do at once: a download, an upload, WebSockets, and requests at a steady rate. */
export class Load {
  readonly download: Progress
  readonly upload: Progress
  readonly #bytes: number
  readonly #chatter: Chatter
  readonly #requests: SteadyRequests
  readonly #startedAt = performance.now()

  private constructor(world: World, name: string, bytes: number, chatter: Chatter) {
    this.#bytes = bytes
    this.#chatter = chatter
    this.#requests = new SteadyRequests(world, name)
    this.download = download(world, name, bytes)
    this.upload = upload(world, name, bytes)
  }

  /** `bytes`: of the download, and of the upload. */
  static async start(world: World, name: string, bytes: number): Promise<Load> {
    return new Load(world, name, bytes, await Chatter.open(world, name, SOCKETS))
  }

  /** Nothing has gone wrong, and neither transfer is over. */
  checkUnderWay(): void {
    assert.deepEqual([...this.#chatter.failures, ...this.#requests.failures], [])
    assert.deepEqual([this.download.done, this.upload.done], [false, false], 'the transfers ended before the faults')
  }

  /** Let neither transfer have more than so many bytes. */
  allow(bytes: number): void {
    this.download.allow(bytes)
    this.upload.allow(bytes)
  }

  /** Both transfers have so many bytes. */
  async reaches(bytes: number): Promise<void> {
    await Promise.all([this.download.reaches(bytes), this.upload.reaches(bytes)])
  }

  /** Let everything come to its end, and check that visitors saw nothing but pauses. Returns the figures in words. */
  async finish(): Promise<string> {
    this.allow(Number.POSITIVE_INFINITY)
    await Promise.all([this.download.ends(), this.upload.ends()])
    const rate = this.#requests.perSecond
    await this.#requests.finish()
    await this.#chatter.finish()
    const seconds = (performance.now() - this.#startedAt) / 1_000
    return [
      `${this.#bytes / 2 ** 20} MiB down and up in ${seconds.toFixed(1)} s`,
      `${this.#requests.answered} requests, ${rate.toFixed(0)} a second`,
      `${this.#chatter.messages} messages`,
      `longest pause: download ${inMs(this.download.longestPauseMs)}, upload ${inMs(this.upload.longestPauseMs)}, ` +
        `WebSocket ${inMs(this.#chatter.longestPauseMs)}, slowest request ${inMs(this.#requests.slowestMs)}`,
    ].join('; ')
  }
}

function inMs(ms: number): string {
  return `${Math.round(ms)} ms`
}
