import { DEFAULT_PING_DEADLINE_MS, DEFAULT_PING_INTERVAL_MS, SLEPT_MS } from '../constants.js'
import type { Session } from '../session/session.js'

export interface KeepaliveOptions {
  /** Silence after which a PING goes out, in milliseconds. Default 15_000. */
  intervalMs?: number
  /** Silence after a PING after which the link counts as dead, in milliseconds. Default 10_000. */
  deadlineMs?: number
  /**
   * We can have another link at once: where there is reason to doubt, the peer gets only as long as its answers have lately taken, times eight,
   * and 2 s at least. Default false: always `deadlineMs`. See docs/decisions/012.
   */
  impatient?: boolean
  /** Called with the round-trip time of each answered PING, in milliseconds. */
  onRoundTrip?: (ms: number) => void
}

const TICK_MS = 1_000
const SHORTEST_DEADLINE_MS = 2_000
const ROUND_TRIPS = 8
/** What the highest round-trip time counts for with each one that follows. */
const FADING = 0.9
const SUSPECT_MS = 2_000

/**
 * Notices a peer that is gone without a word, and drops the link. Any byte received counts as a sign of life. Asks after a long silence, and at once
 * where there is reason to doubt: frames of ours are not answered, the machine slept, or probe() says so.
 *
 * Time is counted in ticks as they were planned, never read off a clock: while the process was stopped, or busy, answers wait unread.
 */
export class Keepalive {
  readonly #session: Session
  readonly #intervalMs: number
  readonly #deadlineMs: number
  readonly #impatient: boolean
  readonly #onRoundTrip: ((ms: number) => void) | undefined
  readonly #tickMs: number
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined
  /** session.receivedBytes when something was last heard. */
  #heardBytes: number
  #silentMs = 0
  /** For how long we have waited for an answer to anything; undefined: we do not. */
  #waitedMs: number | undefined
  /** Time left to the peer; undefined: it need not say anything. */
  #leftMs: number | undefined
  /** It is asked because there is reason to doubt. */
  #urgent = false
  /** When the PING went out that has no PONG yet, on the clock of performance.now(). */
  #pingedAt: number | undefined
  #roundTripMs: number | undefined

  constructor(session: Session, options: KeepaliveOptions = {}) {
    this.#session = session
    this.#intervalMs = options.intervalMs ?? DEFAULT_PING_INTERVAL_MS
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_PING_DEADLINE_MS
    this.#impatient = options.impatient ?? false
    this.#onRoundTrip = options.onRoundTrip
    this.#tickMs = Math.min(TICK_MS, this.#intervalMs, this.#deadlineMs)
    this.#heardBytes = session.receivedBytes
    this.#schedule()
  }

  /** There is reason to doubt: the peer has owed an answer for two seconds. */
  get suspect(): boolean {
    return (this.#waitedMs ?? 0) >= SUSPECT_MS && !this.#heard
  }

  /** Ask now: the way to the peer may have changed. */
  probe(): void {
    if (!this.#session.attached) return
    if (this.#heard) this.#alive()
    if (this.#urgent) return
    this.#pingedAt = undefined
    this.#ask(true)
    clearTimeout(this.#timer)
    this.#schedule()
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }

  get #heard(): boolean {
    return this.#session.receivedBytes !== this.#heardBytes
  }

  #schedule(): void {
    const soonest = this.#leftMs ?? this.#intervalMs - this.#silentMs
    const ms = Math.max(1, Math.min(this.#tickMs, soonest))
    const dueAt = Date.now() + ms
    this.#timer = setTimeout(() => this.#tick(ms, Date.now() - dueAt >= SLEPT_MS), ms)
    this.#timer.unref()
  }

  #tick(ms: number, slept: boolean): void {
    if (!this.#session.attached) return
    if (this.#heard) this.#alive()
    else this.#wait(ms)
    if (this.#session.unanswered) this.#waitedMs ??= 0
    // Without a round-trip time nobody can be impatient.
    if (this.#impatient && this.#roundTripMs === undefined && this.#pingedAt === undefined) this.#ping()
    if (slept) {
      // What was asked before the sleep says nothing: the network may need a moment, and the peer may have given us up.
      this.#leftMs = undefined
      this.#pingedAt = undefined
      this.#ask(true)
    } else if (this.#leftMs !== undefined && this.#leftMs <= 0) {
      // Timers come before what the sockets have: let that be read first.
      this.#immediate = setImmediate(() => this.#conclude())
      return
    }
    this.#schedule()
  }

  #alive(): void {
    this.#heardBytes = this.#session.receivedBytes
    this.#silentMs = 0
    this.#waitedMs = undefined
    this.#leftMs = undefined
    this.#urgent = false
  }

  #wait(ms: number): void {
    this.#silentMs += ms
    if (this.#leftMs !== undefined) this.#leftMs -= ms
    if (this.#waitedMs !== undefined) {
      this.#waitedMs += ms
      if (this.#session.unanswered && !this.#urgent) this.#ask(true)
    }
    if (this.#leftMs === undefined && this.#silentMs >= this.#intervalMs) this.#ask(false)
  }

  /** From now on the peer has to say something. A deadline that runs already is not put off. */
  #ask(urgent: boolean): void {
    const deadlineMs = urgent ? this.#urgentDeadlineMs : this.#deadlineMs
    this.#leftMs = Math.min(deadlineMs, this.#leftMs ?? deadlineMs)
    this.#urgent = urgent
    this.#waitedMs ??= 0
    // One on its way does as well, and says more of how slow the way is than the next one behind it.
    if (this.#pingedAt === undefined) this.#ping()
  }

  get #urgentDeadlineMs(): number {
    if (!this.#impatient || this.#roundTripMs === undefined) return this.#deadlineMs
    const underWayMs = this.#pingedAt === undefined ? 0 : performance.now() - this.#pingedAt
    const roundTripMs = Math.max(this.#roundTripMs, underWayMs)
    return Math.min(this.#deadlineMs, Math.max(SHORTEST_DEADLINE_MS, ROUND_TRIPS * roundTripMs))
  }

  #ping(): void {
    const pingedAt = performance.now()
    this.#pingedAt = pingedAt
    this.#session.ping(() => {
      const ms = performance.now() - pingedAt
      this.#pingedAt = undefined
      this.#roundTripMs = Math.max(ms, (this.#roundTripMs ?? 0) * FADING)
      this.#session.roundTrip.measured(ms)
      this.#onRoundTrip?.(ms)
    })
  }

  #conclude(): void {
    if (!this.#session.attached) return
    if (!this.#heard) {
      this.#session.dropLink(`the peer has been silent for ${this.#silentMs} ms`)
      return
    }
    this.#alive()
    this.#schedule()
  }
}
