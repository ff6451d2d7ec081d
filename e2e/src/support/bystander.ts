import http from 'node:http'
import { visit } from './visitor.js'
import { within } from './within.js'
import type { World } from './world.js'

const CONNECTIONS = 4
const BYTES = 1_024

/** Visitors of a tunnel who want nothing but its answers, one after the other, whatever happens to others meanwhile. */
export class Bystander {
  /** Answers that came as they should. */
  answered = 0
  readonly failures: string[] = []
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  #watchers = new Set<() => void>()
  #over = false

  /** They ask `/1k` of the app of tunnel `name` until the world ends. */
  constructor(world: World, name: string) {
    for (let i = 0; i < CONNECTIONS; i++) void this.#ask(world, name)
    world.onLeave(async () => {
      this.#over = true
      this.#agent.destroy()
    })
  }

  /** Wait for so many answers more: whoever is starved, or asks in vain, does not get there. */
  async progress(answers: number): Promise<void> {
    const goal = this.answered + answers
    while (this.answered < goal) {
      if (this.failures.length > 0) throw new Error(`a request of the other tunnel failed: ${this.failures[0]}`)
      await within(
        `${goal - this.answered} more answers of the other tunnel`,
        new Promise<void>((resolve) => this.#watchers.add(resolve)),
      )
    }
  }

  async #ask(world: World, name: string): Promise<void> {
    while (!this.#over) {
      try {
        const { status, body } = await visit(world, name, '/1k', { agent: this.#agent })
        if (status === 200 && body.length === BYTES) this.answered++
        else this.failures.push(`status ${status}, ${body.length} bytes`)
      } catch (error) {
        if (this.#over) return
        this.failures.push(String(error))
      }
      const watchers = this.#watchers
      this.#watchers = new Set()
      for (const look of watchers) look()
    }
  }
}
