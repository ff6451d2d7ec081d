import { randomBytes } from 'node:crypto'
import {
  type Bound,
  errorTable,
  type Link,
  type OpenRequest,
  type Stream,
  type StreamHandler,
  TunnelError,
} from 'tunnel-protocol'
import { AgentSession, type AgentSessionOptions } from './agent-session.js'
import { type AgentEvent, type AgentState, nextAgentState } from './agent-state.js'
import { backoffMs } from './backoff.js'
import type { ClaimStore } from './claims.js'
import { openLink } from './connect.js'

export interface AgentOptions extends AgentSessionOptions {
  /** As normalizeServerUrl gives it. */
  server: string
  /** Name wanted; the server makes one up where it is undefined. */
  name: string | undefined
  claims: ClaimStore
}

export interface AgentHandler {
  /** The server has given the name; again after each reconnect. */
  onOnline(bound: Bound, session: string): void
  /** The link is gone or could not be opened; the next attempt comes in `delayMs`. */
  onOffline(error: TunnelError, delayMs: number): void
  /** It is over: the server refused, or stop() was called (then without error). Called once. */
  onStopped(error: TunnelError | undefined): void
  /** A visitor's request. Throwing a TunnelError resets the stream. */
  onStream(stream: Stream, open: OpenRequest, session: string): StreamHandler
}

/** Keeps one tunnel open for ever: its session through lost links, and where that is over, with a new session. */
export class Agent {
  readonly #options: AgentOptions
  readonly #handler: AgentHandler
  readonly #instance = randomBytes(12).toString('base64url')
  #state: AgentState = 'idle'
  #name: string | undefined
  #claim: string | undefined
  /** Attempts that failed since we were last online. */
  #failures = 0
  /** Have we ever been online? Before that, some refusals are mistakes of the user's; later they pass. */
  #wasOnline = false
  #timer: NodeJS.Timeout | undefined
  #giveUp: (() => void) | undefined
  #session: AgentSession | undefined
  #left: (() => void) | undefined

  constructor(options: AgentOptions, handler: AgentHandler) {
    this.#options = options
    this.#handler = handler
    this.#name = options.name
    if (options.name !== undefined) this.#claim = options.claims.get(options.server, options.name.toLowerCase())
  }

  get state(): AgentState {
    return this.#state
  }

  /** Streams open right now. */
  get streamCount(): number {
    return this.#session?.streamCount ?? 0
  }

  start(): void {
    if (this.#move('start')) this.#connect()
  }

  /**
   * Leave: tell the server, so that the name is free at once; then close. Requests still open are cut: wait for streamCount to be 0 before,
   * if they matter. Resolves when the link is closed or `ms` have passed.
   */
  async stop(ms = 1_000): Promise<void> {
    const wasOnline = this.#state === 'online'
    if (!this.#move('stop')) return
    clearTimeout(this.#timer)
    this.#giveUp?.()
    const session = this.#session
    if (!wasOnline || session === undefined) {
      session?.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'the agent is leaving'))
      if (this.#state === 'stopped') this.#handler.onStopped(undefined)
      return
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#left = () => {
        clearTimeout(timer)
        resolve()
      }
      session.leave()
    })
    this.#left = undefined
  }

  /** Take an event to the next state. Returns false where it no longer means anything. */
  #move(event: AgentEvent): boolean {
    const next = nextAgentState(this.#state, event)
    if (next === undefined) return false
    this.#state = next
    return true
  }

  #connect(): void {
    this.#giveUp = openLink(
      this.#options.server,
      (link) => {
        this.#giveUp = undefined
        if (this.#session === undefined) this.#greet(link)
        else this.#resume(link, this.#session)
      },
      (error) => {
        this.#giveUp = undefined
        this.#onLost(error)
      },
    )
  }

  /** A new session, on its first link. */
  #greet(link: Link): void {
    const session: AgentSession = new AgentSession(this.#options, {
      onBound: (bound) => this.#onBound(bound, session),
      onDetached: (reason) => {
        this.#onLost(new TunnelError('TUN_ERR_SESSION_CLOSED', `the connection was lost (${reason})`))
      },
      onEnd: (error) => this.#onEnd(session, error),
      onStream: (stream, open) => this.#handler.onStream(stream, open, session.id),
    })
    this.#session = session
    session.start(link, { name: this.#name, claim: this.#claim, instance: this.#instance })
  }

  /** The session that lost its link goes on with this one, unless the server has given it up. */
  #resume(link: Link, session: AgentSession): void {
    const lost = (error: TunnelError) => {
      this.#giveUp = undefined
      this.#onLost(error)
    }
    this.#giveUp = session.resume(link, {
      onResumed: () => {
        this.#giveUp = undefined
        this.#onOnline(session)
      },
      onRefused: (error) => {
        session.close(error)
        lost(error)
      },
      onFailed: lost,
    })
  }

  #onBound(bound: Bound, session: AgentSession): void {
    this.#name = bound.name
    this.#claim = bound.claim
    this.#options.claims.set(this.#options.server, bound.name, bound.claim)
    this.#onOnline(session)
  }

  #onOnline(session: AgentSession): void {
    this.#failures = 0
    this.#wasOnline = true
    if (this.#move('opened')) this.#handler.onOnline(session.bound!, session.id)
  }

  #onEnd(session: AgentSession, error: TunnelError): void {
    this.#session = undefined
    // Without a link there was nothing left to lose: the next attempt is on its way.
    if (!session.detached) this.#onLost(error)
    this.#left?.()
  }

  #onLost(error: TunnelError): void {
    if (this.#state === 'stopping') {
      this.#move('left')
      this.#handler.onStopped(undefined)
      return
    }
    const reaction = errorTable[error.code].agent
    const refused = reaction === 'stop' || (reaction === 'stopAtFirst' && !this.#wasOnline)
    if (refused) {
      if (!this.#move('refused')) return
      this.#session?.close(error)
      this.#handler.onStopped(error)
      return
    }
    if (!this.#move('lost')) return
    const delayMs = backoffMs(this.#failures)
    this.#failures++
    this.#handler.onOffline(error, delayMs)
    this.#timer = setTimeout(() => {
      if (this.#move('retry')) this.#connect()
    }, delayMs)
  }
}
