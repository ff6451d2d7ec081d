import { randomBytes } from 'node:crypto'
import {
  type Bound,
  type ErrorCode,
  errorTable,
  type Link,
  type OpenRequest,
  parseToAgent,
  Session,
  type SessionHandler,
  type Stream,
  type StreamHandler,
  StreamKind,
  startKeepalive,
  TunnelError,
} from 'tunnel-protocol'
import { type AgentEvent, type AgentState, nextAgentState } from './agent-state.js'
import { backoffMs } from './backoff.js'
import type { ClaimStore } from './claims.js'
import { openLink } from './connect.js'

export interface AgentOptions {
  /** As normalizeServerUrl gives it. */
  server: string
  /** Name wanted; the server makes one up where it is undefined. */
  name: string | undefined
  token: string | undefined
  claims: ClaimStore
  /** Software and version, told to the server. */
  software: string
  pingIntervalMs: number
  pingDeadlineMs: number
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

/** The one tunnel of this agent; numbers are there for agents with several. */
const TUNNEL = 1
/** Time for the server to answer hello. */
const WELCOME_DEADLINE_MS = 15_000

/** Keeps one session alive for ever, through lost links and restarts of the server. */
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
  #session: Session | undefined
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
      session.sendControl({ type: 'leave' })
      session.flush()
      session.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'the agent is leaving'))
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
      (link) => this.#greet(link),
      (error) => this.#onLost(error),
    )
  }

  #greet(link: Link): void {
    this.#giveUp = undefined
    const handler = new AgentSessionHandler(this.#handler, {
      onBound: (bound, id) => this.#onBound(bound, id),
      onEnd: (error) => {
        this.#session = undefined
        this.#onLost(error)
        this.#left?.()
      },
    })
    const session = new Session({ role: 'agent', handler })
    handler.start(session, this.#options)
    this.#session = session
    session.attach(link)
    session.sendControl({
      type: 'hello',
      token: this.#options.token,
      agent: this.#options.software,
      instance: this.#instance,
      window: session.windowBytes,
      binds: [{ tunnel: TUNNEL, name: this.#name, claim: this.#claim }],
    })
  }

  #onBound(bound: Bound, sessionId: string): void {
    this.#name = bound.name
    this.#claim = bound.claim
    this.#options.claims.set(this.#options.server, bound.name, bound.claim)
    this.#failures = 0
    this.#wasOnline = true
    if (this.#move('opened')) this.#handler.onOnline(bound, sessionId)
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
      if (this.#move('refused')) this.#handler.onStopped(error)
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

interface SessionEvents {
  onBound(bound: Bound, sessionId: string): void
  onEnd(error: TunnelError): void
}

/** What one session's messages mean, from hello to its end. */
class AgentSessionHandler implements SessionHandler {
  readonly #handler: AgentHandler
  readonly #events: SessionEvents
  #session!: Session
  #id = ''
  #bound = false
  #stopKeepalive: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(handler: AgentHandler, events: SessionEvents) {
    this.#handler = handler
    this.#events = events
  }

  start(session: Session, options: AgentOptions): void {
    this.#session = session
    this.#timer = setTimeout(() => {
      session.close(new TunnelError('TUN_ERR_CONNECT', `${options.server} took the connection but does not answer`))
    }, WELCOME_DEADLINE_MS)
    this.#stopKeepalive = startKeepalive(session, {
      intervalMs: options.pingIntervalMs,
      deadlineMs: options.pingDeadlineMs,
    })
  }

  onControl(fields: Record<string, unknown>): void {
    const message = parseToAgent(fields)
    switch (message?.type) {
      case 'welcome':
        this.#id = message.session
        this.#session.setPeerWindow(message.window)
        return
      case 'bound':
        if (message.tunnel !== TUNNEL || this.#bound) return
        this.#bound = true
        clearTimeout(this.#timer)
        this.#events.onBound(message, this.#id)
        return
      case 'refused': {
        const known = Object.hasOwn(errorTable, message.code)
        this.#session.close(new TunnelError(known ? (message.code as ErrorCode) : 'TUN_ERR_FORBIDDEN', message.message))
      }
    }
  }

  onOpen(stream: Stream, open: OpenRequest): StreamHandler {
    if (open.tunnel !== TUNNEL || !this.#bound)
      throw new TunnelError('TUN_ERR_PROTOCOL', `there is no tunnel ${open.tunnel}`)
    if (open.kind !== StreamKind.Http && open.kind !== StreamKind.Upgrade) {
      throw new TunnelError('TUN_ERR_PROTOCOL', `this agent does not know streams of kind ${open.kind}`)
    }
    return this.#handler.onStream(stream, open, this.#id)
  }

  onClose(error: TunnelError): void {
    clearTimeout(this.#timer)
    this.#stopKeepalive?.()
    this.#events.onEnd(error)
  }
}
