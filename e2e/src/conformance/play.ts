import assert from 'node:assert/strict'
import net from 'node:net'
import { HOST } from './messages.js'
import { AnswerReader, ByteReader, Conversation, type Reader, RequestReader } from './reader.js'
import type { Stage } from './stage.js'
import { Watch, Wire } from './wire.js'

/** One thing that is done, or waited for. The next one does not begin before. */
export interface Step {
  readonly what: string
  run(play: Play): void | Promise<void>
}

/** One direction: what one side has sent, and what the other one has received. */
class Flow {
  /** Sent, and not looked for at the other side yet. */
  pending = ''
  readonly wanted: Reader
  readonly seen: Reader
  /** How much of both is known to be equal. */
  #equal = 0

  constructor(wanted: Reader, seen: Reader) {
    this.wanted = wanted
    this.seen = seen
  }

  /** Returns whether all that is wanted has been seen; throws as soon as something else is seen. */
  compare(): boolean {
    const wanted = this.wanted.text
    const seen = this.seen.text
    const both = Math.min(wanted.length, seen.length)
    if (wanted.slice(this.#equal, both) !== seen.slice(this.#equal, both)) {
      let at = this.#equal
      while (wanted[at] === seen[at]) at++
      assert.equal(excerpt(seen, at), excerpt(wanted, at), `what arrives is not what was sent, from byte ${at} on`)
    }
    this.#equal = both
    return seen.length >= wanted.length
  }

  /** Throws when more has been seen than is wanted. What is still pending may have arrived, unless the script says all. */
  nothingMore(scriptSaysAll: boolean): void {
    if (!scriptSaysAll) this.wanted.feed(this.pending)
    this.pending = ''
    this.compare()
    const more = this.seen.text.slice(this.wanted.text.length)
    assert.equal(excerpt(more, 0), '', 'more arrived than there was to come')
  }
}

function excerpt(text: string, at: number): string {
  return text.slice(Math.max(0, at - 400), at + 400)
}

/**
 * A visitor and an app, with nothing between them or with the tunnel between them, acting out a script. `whole`: the tunnel shows
 * its differences, messages are compared byte for byte, and the script says what each side receives. Otherwise each side has to
 * receive what the other has sent, apart from what differences.ts takes away.
 */
export class Play {
  readonly #stage: Stage
  readonly #whole: boolean
  readonly watch = new Watch()
  visitor!: Wire
  /** The app's connections, in the order in which they came. The script's app answers on the one that was last spoken on. */
  readonly #connections: Wire[] = []
  #current: Wire | undefined
  #toApp!: Flow
  #toVisitor!: Flow

  constructor(stage: Stage, whole: boolean) {
    this.#stage = stage
    this.#whole = whole
  }

  get #byteByByte(): boolean {
    return this.#whole || this.#stage.route === 'direct'
  }

  async run(steps: Step[]): Promise<void> {
    this.#stage.onConnection = (socket) => {
      const wire = new Wire(socket, this.watch, (text) => {
        this.#current = wire
        this.#toApp.seen.feed(text)
      })
      this.#connections.push(wire)
    }
    this.connect()
    let what = 'the beginning'
    try {
      for (const step of steps) {
        what = step.what
        await step.run(this)
      }
      what = 'the end'
      await this.#finish()
    } catch (error) {
      throw new Error(`at "${what}": ${(error as Error).message}\n${this.#report()}`, { cause: error })
    } finally {
      this.visitor.socket.destroy()
      for (const { socket } of this.#connections) socket.destroy()
    }
  }

  /** A new connection of the visitor; the old one, if there is one, is over. */
  connect(): void {
    if (this.visitor !== undefined) {
      this.visitor.socket.destroy()
      this.#toVisitor.nothingMore(this.#whole)
      if (!this.#byteByByte) this.#toApp.nothingMore(false)
    }
    const conversation = new Conversation()
    const forwarding = (host: string) => this.#stage.forwarding(host)
    if (!this.#byteByByte) {
      this.#toApp = new Flow(new RequestReader(conversation), new RequestReader(conversation, forwarding))
      this.#toVisitor = new Flow(new AnswerReader(conversation), new AnswerReader(conversation))
    } else {
      this.#toApp ??= new Flow(new ByteReader(), new ByteReader())
      this.#toVisitor = new Flow(new ByteReader(), new ByteReader())
    }
    const { seen } = this.#toVisitor
    const socket = net.connect({ host: '127.0.0.1', port: this.#stage.port, allowHalfOpen: true })
    this.visitor = new Wire(socket, this.watch, (text) => seen.feed(text))
  }

  /** The app's connection that was last spoken on. */
  get app(): Wire {
    assert.ok(this.#current !== undefined, 'nothing has reached the app yet')
    return this.#current
  }

  /** The lines that the edge adds to a request for HOST. */
  get forwarding(): string {
    return this.#stage.forwarding(HOST)
  }

  get connectionsToApp(): number {
    return this.#connections.length
  }

  wire(who: Who): Wire {
    return who === 'visitor' ? this.visitor : this.app
  }

  /** The direction in which `who` receives. */
  flowTo(who: Who): Flow {
    return who === 'visitor' ? this.#toVisitor : this.#toApp
  }

  flowFrom(who: Who): Flow {
    return who === 'visitor' ? this.#toApp : this.#toVisitor
  }

  /** Wait until `who` has received `text`, which the other side has sent; all that it has sent unless given. */
  async sees(who: Who, text?: string): Promise<void> {
    const flow = this.flowTo(who)
    const wanted = text ?? flow.pending
    assert.ok(wanted !== '', 'there is nothing to be seen')
    assert.ok(flow.pending.startsWith(wanted), `this was not sent: ${JSON.stringify(excerpt(wanted, 0))}`)
    flow.pending = flow.pending.slice(wanted.length)
    await this.seesExactly(who, wanted)
  }

  async seesExactly(who: Who, text: string): Promise<void> {
    const flow = this.flowTo(who)
    flow.wanted.feed(text)
    await this.watch.until(
      () => {
        // A reader may have waited for what the other direction says.
        for (const { wanted, seen } of [this.#toApp, this.#toVisitor]) {
          wanted.feed('')
          seen.feed('')
        }
        if (flow.compare()) return true
        if (who === 'visitor' && this.visitor.ending !== 'open') throw new Error('the connection is over before that')
        return false
      },
      () => `the ${who} receives what was sent`,
    )
  }

  /** Wait until `check` finds what it looks for behind what `who` has been seen to receive; returns how many bytes it is. */
  async seesSomething(who: Who, what: string, check: (text: string) => number | undefined): Promise<void> {
    const { wanted, seen } = this.flowTo(who)
    const start = wanted.text.length
    let length: number | undefined
    await this.watch.until(
      () => {
        length = check(seen.text.slice(start))
        if (length === undefined && this.wire(who).ending !== 'open')
          throw new Error('the connection is over before that')
        return length !== undefined
      },
      () => what,
    )
    wanted.feed(seen.text.slice(start, start + length!))
  }

  /** Let go of all connections, and see that nobody has received anything that the script does not know of. */
  async #finish(): Promise<void> {
    const cut = this.visitor.ending !== 'open' || this.visitor.socket.destroyed
    if (!cut && !this.#whole) {
      for (const { pending } of [this.#toApp, this.#toVisitor]) {
        assert.equal(excerpt(pending, 0), '', 'the script does not look for this')
      }
    }
    this.visitor.socket.destroy()
    for (const { socket } of this.#connections) if (!socket.writableEnded) socket.end()
    await this.watch.until(
      () => this.#connections.every(({ closed }) => closed),
      () => 'the connections to the app are closed',
    )
    this.#toApp.nothingMore(this.#whole)
    this.#toVisitor.nothingMore(this.#whole)
  }

  #report(): string {
    const show = (text: string) => JSON.stringify(text.length > 3_000 ? `…${text.slice(-3_000)}` : text)
    return [
      `the app has received, on ${this.#connections.length} connections: ${show(this.#toApp.seen.text)}`,
      `the visitor has received: ${show(this.#toVisitor.seen.text)}`,
      `the visitor's connection is ${this.visitor.ending}, the app's ${this.#current?.ending}`,
    ].join('\n')
  }
}

export type Who = 'visitor' | 'app'
