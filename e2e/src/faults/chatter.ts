import assert from 'node:assert/strict'
import { once } from 'node:events'
import { WebSocket } from 'ws'
import { within } from '../support/within.js'
import type { World } from '../support/world.js'
import { Dialogue } from './dialogue.js'

/** Visitors with a WebSocket each. */
export class Chatter {
  readonly failures: string[] = []
  readonly #dialogues: Dialogue[] = []

  /** Open `count` WebSockets to the app of tunnel `name`. */
  static async open(world: World, name: string, count: number): Promise<Chatter> {
    const chatter = new Chatter()
    const options = { headers: { host: `${name}.localhost:${world.port}` }, perMessageDeflate: false }
    for (let i = 0; i < count; i++) {
      const socket = new WebSocket(`ws://127.0.0.1:${world.port}/chat`, options)
      world.onLeave(async () => socket.terminate())
      await within('a WebSocket opens', once(socket, 'open'))
      const dialogue = new Dialogue(
        socket,
        (what) => chatter.failures.push(what),
        () => socket.close(1_000),
      )
      socket.on('error', (error) => chatter.failures.push(error.message))
      socket.on('close', (code, reason) => {
        if (dialogue.announced === undefined) chatter.failures.push(`closed with ${code} ${reason}`)
      })
      chatter.#dialogues.push(dialogue)
    }
    return chatter
  }

  /** Messages that came, at both ends. */
  get messages(): number {
    return this.#dialogues.reduce((sum, { sent, received }) => sum + sent + received, 0)
  }

  get longestPauseMs(): number {
    return Math.max(...this.#dialogues.map(({ longestPauseMs }) => longestPauseMs))
  }

  /** Let both ends say their last, and check that each has heard all that the other one has said. */
  async finish(): Promise<void> {
    assert.deepEqual(this.failures, [])
    const closed = this.#dialogues.map(({ socket }) => once(socket, 'close'))
    for (const dialogue of this.#dialogues) dialogue.end()
    await within('all WebSockets have ended', Promise.all(closed))
    assert.deepEqual(this.failures, [])
  }
}
