import assert from 'node:assert/strict'
import http from 'node:http'
import { eventually } from '../support/process.js'
import { visit } from '../support/visitor.js'
import type { World } from '../support/world.js'
import { answerTo } from './content.js'

/** One request is due so often, whether those before it have been answered or not: 200 a second. */
const EVERY_MS = 5
const BODY = 'x'.repeat(2_000)

/** Visitors who come at a steady rate: every other one over a kept connection, every third with a body. */
export class SteadyRequests {
  readonly failures: string[] = []
  answered = 0
  slowestMs = 0
  #asked = 0
  readonly #world: World
  readonly #name: string
  readonly #kept = new http.Agent({ keepAlive: true })
  readonly #startedAt = performance.now()
  readonly #timer = setInterval(() => this.#askAllDue(), EVERY_MS)

  /** They ask the app of tunnel `name` until finish(), or until the world ends. */
  constructor(world: World, name: string) {
    this.#world = world
    this.#name = name
    world.onLeave(async () => {
      clearInterval(this.#timer)
      this.#kept.destroy()
    })
  }

  get perSecond(): number {
    return (this.answered / (performance.now() - this.#startedAt)) * 1_000
  }

  /** Ask no more, wait for all answers, and check that there was no failure. */
  async finish(): Promise<void> {
    clearInterval(this.#timer)
    await eventually('all requests are answered', () => this.answered + this.failures.length === this.#asked)
    assert.deepEqual(this.failures, [])
  }

  #askAllDue(): void {
    const due = (performance.now() - this.#startedAt) / EVERY_MS
    while (this.#asked < due) void this.#ask(this.#asked++)
  }

  async #ask(index: number): Promise<void> {
    const askedAt = performance.now()
    const body = index % 3 === 0 ? BODY : ''
    try {
      const { status, text, headers } = await visit(this.#world, this.#name, `/request/${index}`, {
        method: body === '' ? 'GET' : 'POST',
        body,
        ...(index % 2 === 0 ? { agent: this.#kept } : {}),
      })
      if (status !== 200) this.failures.push(`${status} ${headers['x-tunnel-error']}`)
      else if (text !== answerTo(index, body.length)) this.failures.push(`request ${index} was answered with ${text}`)
      else this.answered++
    } catch (error) {
      this.failures.push(String(error))
    }
    this.slowestMs = Math.max(this.slowestMs, performance.now() - askedAt)
  }
}
