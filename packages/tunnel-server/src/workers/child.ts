import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { FromWorker, ToWorker } from './messages.js'

const PROGRAM = fileURLToPath(new URL('./process.js', import.meta.url))
/** Messages that a worker may leave unread before it counts as stuck. */
const MAX_UNREAD = 20_000
/** How often a worker is asked for a sign of life, and how long it may give none before it counts as stuck. In milliseconds. */
const PING_EVERY_MS = 5_000
const STUCK_MS = 20_000
/** The same until its first word, on a machine that is slow to start anything. */
const STARTING_MS = 60_000
/** Visitors that may wait to be sent to it before others get the next ones. */
const MAX_UNTAKEN = 4_096

export interface ChildEvents {
  onMessage(message: FromWorker, socket: Socket | undefined): void
  /** The process has ended, or could not be started. Called once. `untaken`: visitors that it was given and has not been sent. */
  onEnd(how: string, untaken: Socket[]): void
}

/** A worker, as the main process has it. Whatever becomes of it, sending to it does no harm. */
export class Child {
  /** It takes visitors. */
  ready = false
  readonly startedAt = performance.now()
  readonly #process: ChildProcess
  readonly #pings = setInterval(() => this.#ping(), PING_EVERY_MS).unref()
  /** How long the worker may say nothing. In milliseconds. */
  #patienceMs = STARTING_MS
  /** Pings since it was last heard. */
  #unanswered = 0
  #ended = false
  #unread = 0
  readonly #untaken = new Set<Socket>()

  constructor(events: ChildEvents) {
    this.#process = fork(PROGRAM, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    const onEnd = (how: string) => {
      if (this.#ended) return
      this.#ended = true
      clearInterval(this.#pings)
      this.ready = false
      // Those that have been sent have no address here any more.
      events.onEnd(
        how,
        [...this.#untaken].filter(({ remoteAddress }) => remoteAddress !== undefined),
      )
    }
    this.#process.on('message', (message: FromWorker, socket?: Socket) => {
      this.#unanswered = 0
      this.#patienceMs = STUCK_MS
      socket?.on('error', () => {})
      events.onMessage(message, socket)
    })
    this.#process.on('error', (error) => {
      if (this.#process.pid === undefined) onEnd(error.message)
    })
    this.#process.on('exit', (code, signal) => onEnd(signal ?? `exit code ${code}`))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** It has no room for another visitor right now. */
  get busy(): boolean {
    return this.#untaken.size >= MAX_UNTAKEN
  }

  send(message: ToWorker): void {
    this.#unread++
    this.#process.send(message, () => this.#unread--)
    if (this.#unread > MAX_UNREAD) this.kill()
  }

  /** A visitor is the worker's from now on, unless it ends before it can be sent. */
  giveVisitor(socket: Socket): void {
    this.#untaken.add(socket)
    this.#process.send({ type: 'visitor' } satisfies ToWorker, socket, {}, (error) => {
      if (error !== null && !this.#ended) return // the worker is gone, of which we are about to hear
      this.#untaken.delete(socket)
      socket.destroy() // once sent, it is an empty shell
    })
  }

  /** The socket is the worker's from now on; nothing of it may have been read. */
  give(message: ToWorker, socket: Socket): void {
    this.#process.send(message, socket, {}, () => socket.destroy())
  }

  #ping(): void {
    // Counted and not timed: where this process was stopped itself, nobody else is to blame.
    if (++this.#unanswered * PING_EVERY_MS > this.#patienceMs) this.kill()
    else this.send({ type: 'ping' })
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }
}
