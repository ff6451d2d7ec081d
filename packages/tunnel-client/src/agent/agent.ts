import { randomBytes } from 'node:crypto'
import {
  type Bound,
  errorTable,
  type Link,
  type OpenRequest,
  type Rules,
  type Stream,
  type StreamHandler,
  TunnelError,
} from 'tunnel-protocol'
import { AgentSession, type AgentSessionOptions } from './agent-session.js'
import { type AgentEvent, type AgentState, nextAgentState } from './agent-state.js'
import { backoffMs } from './backoff.js'
import type { ClaimStore } from './claims.js'
import type { OpenLink } from './connect.js'
import { NetworkWatch, type ReadInterfaces } from './network-watch.js'

export interface AgentOptions extends AgentSessionOptions {
  /** As normalizeServerUrl gives it. */
  server: string
  /** Name wanted; the server makes one up where it is undefined. */
  name: string | undefined
  /** Take the name over from another agent of the account. */
  force: boolean
  /** Serve the name together with other agents of the account. */
  pool: boolean
  /** What is asked of visitors. */
  rules: Rules | undefined
  claims: ClaimStore
  /** How a link is opened; linkOpener() but in tests. */
  openLink: OpenLink
  /** Default os.networkInterfaces; tests pass their own. */
  readInterfaces?: ReadInterfaces
}

/** What the links of one agent share. */
export interface AgentIdentity {
  /** Random, the same for as long as the process runs. */
  readonly instance: string
  name: string | undefined
  claim: string | undefined
  /** Has it ever been online? Before that, some refusals are mistakes of the user's; later they pass. */
  wasOnline: boolean
  /** The session of the first link, when it was last online. */
  firstSession: string | undefined
}

export interface AgentHandler {
  /** The server has given the name; again after each reconnect. `links`: how many it would like the agent to have. */
  onOnline(bound: Bound, session: string, links: number): void
  /** The link is gone or could not be opened, or the server is restarting; the next attempt comes in `delayMs`. */
  onOffline(error: TunnelError, delayMs: number): void
  /** It is over: the server refused, or stop() was called (then without error). Called once. */
  onStopped(error: TunnelError | undefined): void
  /** A visitor's request. Throwing a TunnelError resets the stream. */
  onStream(stream: Stream, open: OpenRequest, session: string): StreamHandler
}

/** How long open requests may take to end when the server wants us no longer, in milliseconds. */
export const REFUSED_GRACE_MS = 3_000
/** A session that was online for less counts as one more failure: a server that gives names and breaks off at once is not to be hammered. */
const LASTING_MS = 1_000
/** As so many failures counts at most what came before, when a server goes in order: the next attempt comes within half a second. */
const MAX_MOVED_FAILURES = 2

export function newIdentity({ name, claims, server }: AgentOptions): AgentIdentity {
  const claim = name === undefined ? undefined : claims.get(server, name.toLowerCase())
  return { instance: randomBytes(12).toString('base64url'), name, claim, wasOnline: false, firstSession: undefined }
}

/** Keeps one link to one tunnel for ever: its session through lost connections, and where that is over, with a new session. */
export class Agent {
  readonly #options: AgentOptions
  readonly #handler: AgentHandler
  readonly #identity: AgentIdentity
  /** Which of the agent's links this is. */
  readonly #link: number
  readonly #network: NetworkWatch
  readonly #stopped: Promise<void>
  #resolveStopped!: () => void
  #state: AgentState = 'idle'
  /** Attempts that failed since we were last online for a while. */
  #failures = 0
  #onlineAt = 0
  /** Until the next attempt, in waiting and detached. */
  #timer: NodeJS.Timeout | undefined
  /** Gives up what is under way in connecting, until there is a session, and in resuming. */
  #giveUp: (() => void) | undefined
  /** The session that counts: what others say changes no state. */
  #session: AgentSession | undefined
  /** All that are not over: that one, and those whose server is shutting down. */
  readonly #sessions = new Set<AgentSession>()
  /** Why we leave, where the server wants it. */
  #refusal: TunnelError | undefined

  constructor(options: AgentOptions, handler: AgentHandler, identity = newIdentity(options), link = 0) {
    this.#options = options
    this.#handler = handler
    this.#identity = identity
    this.#link = link
    this.#network = new NetworkWatch((addresses) => this.#onNetworkChange(addresses), options.readInterfaces)
    this.#stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve
    })
  }

  get state(): AgentState {
    return this.#state
  }

  /** Streams open right now. */
  get streamCount(): number {
    let count = 0
    for (const session of this.#sessions) count += session.streamCount
    return count
  }

  start(): void {
    if (!this.#move('start')) return
    this.#network.start()
    this.#dial()
  }

  /** Leave: tell the server, so that the name is free at once; let open requests end for up to `graceMs`; close. Resolves when that is done. */
  stop(graceMs: number): Promise<void> {
    if (this.#move('stop')) this.#leave(graceMs)
    return this.#stopped
  }

  /** Take an event to the next state. Returns false where it no longer means anything. */
  #move(event: AgentEvent): boolean {
    const next = nextAgentState(this.#state, event)
    if (next === undefined) return false
    if (this.#state === 'online' && performance.now() - this.#onlineAt >= LASTING_MS) this.#failures = 0
    this.#state = next
    return true
  }

  // Attempts

  #dial(): void {
    this.#giveUp = this.#options.openLink(
      this.#options.server,
      this.#query,
      (link) => {
        this.#giveUp = undefined
        if (this.#state === 'resuming') this.#resume(link, this.#session!)
        else this.#greet(link)
      },
      (error) => this.#onFailed(error),
    )
  }

  /** A server of several processes brings the link where its session is, or where none of our links is yet. */
  get #query(): string {
    const { firstSession } = this.#identity
    if (this.#state === 'resuming') return `?session=${encodeURIComponent(this.#session!.id)}`
    if (this.#link === 0 || firstSession === undefined) return ''
    return `?session=${encodeURIComponent(firstSession)}&link=${this.#link}`
  }

  /** A new session, on its first link. */
  #greet(link: Link): void {
    const session: AgentSession = new AgentSession(this.#options, {
      onBound: (bound) => this.#onBound(session, bound),
      onDetached: (reason) => this.#onDetached(session, reason),
      onDrain: () => this.#onDrain(session),
      onRevoked: (error) => this.#onRevoked(session, error),
      onEnd: (error) => this.#onEnd(session, error),
      onStream: (stream, open) => this.#handler.onStream(stream, open, session.id),
    })
    this.#session = session
    this.#sessions.add(session)
    // Once taken over, the name is not taken back by force: two agents would go on doing that to each other.
    const { name, claim, instance, wasOnline } = this.#identity
    const force = this.#options.force && !wasOnline
    session.start(link, {
      name,
      claim,
      instance,
      link: this.#link,
      force,
      pool: this.#options.pool,
      rules: this.#options.rules,
    })
  }

  /** The session that lost its link goes on with this one, unless the server has given it up. */
  #resume(link: Link, session: AgentSession): void {
    this.#giveUp = session.resume(link, {
      onResumed: () => {
        this.#giveUp = undefined
        this.#failures = 0
        this.#onOnline(session)
      },
      onRefused: (error) => {
        this.#giveUp = undefined
        session.close(error)
        this.#retry() // whoever says no is there
      },
      onFailed: (error) => this.#onFailed(error),
    })
  }

  #onFailed(error: TunnelError): void {
    this.#giveUp = undefined
    if (this.#onRefused(error)) return
    if (this.#move('failed')) this.#retryLater(error)
  }

  #retryLater(error: TunnelError): void {
    clearTimeout(this.#timer)
    const delayMs = backoffMs(this.#failures)
    this.#failures++
    this.#timer = setTimeout(() => this.#retry(), delayMs)
    this.#handler.onOffline(error, delayMs)
  }

  #retry(): void {
    clearTimeout(this.#timer)
    if (this.#move('retry')) this.#dial()
  }

  /** Whatever was tried or waited for was on another network. */
  #onNetworkChange(addresses: ReadonlySet<string>): void {
    this.#failures = 0
    for (const session of [...this.#sessions]) session.onNetworkChange(addresses)
    if (this.#giveUp === undefined) {
      this.#retry()
    } else {
      this.#giveUp()
      this.#dial()
    }
  }

  // Sessions → agent

  #onBound(session: AgentSession, bound: Bound): void {
    if (session !== this.#session) return
    this.#identity.name = bound.name
    this.#identity.claim = bound.claim
    this.#options.claims.set(this.#options.server, bound.name, bound.claim)
    this.#onOnline(session)
  }

  #onOnline(session: AgentSession): void {
    if (!this.#move('opened')) return
    this.#onlineAt = performance.now()
    this.#identity.wasOnline = true
    if (this.#link === 0) this.#identity.firstSession = session.id
    this.#handler.onOnline(session.bound!, session.id, session.wantedLinks)
  }

  #onDetached(session: AgentSession, reason: string): void {
    if (session !== this.#session || !this.#move('lost')) return
    this.#retryLater(new TunnelError('TUN_ERR_SESSION_CLOSED', `the connection was lost (${reason})`))
  }

  /** From now on the session only serves what it has: whoever answers at the server's address by now gets a new one. */
  #onDrain(session: AgentSession): void {
    if (session !== this.#session || !this.#move('moved')) return
    this.#session = undefined
    // Going in order is no failure, however often: visitors wait for us at the successor. Only a server that never stays is asked less often.
    this.#failures = Math.min(this.#failures, MAX_MOVED_FAILURES)
    this.#retryLater(new TunnelError('TUN_ERR_DRAINING', 'the server is restarting'))
  }

  #onRevoked(session: AgentSession, error: TunnelError): void {
    if (session === this.#session && !this.#onRefused(error) && this.#state === 'online') session.close(error)
  }

  #onEnd(session: AgentSession, error: TunnelError): void {
    this.#sessions.delete(session)
    this.#leaveWhenAlone()
    if (session !== this.#session) return
    this.#session = undefined
    this.#giveUp?.()
    this.#giveUp = undefined
    if (this.#onRefused(error)) return
    if (this.#move('ended')) this.#retryLater(error)
  }

  // Leaving

  /** Leave, if trying again would not help. Returns whether it is so. */
  #onRefused(error: TunnelError): boolean {
    const reaction = errorTable[error.code].agent
    const final = reaction === 'stop' || (reaction === 'stopAtFirst' && !this.#identity.wasOnline)
    if (!final || !this.#move('refused')) return false
    this.#refusal = error
    this.#leave(REFUSED_GRACE_MS)
    return true
  }

  #leave(graceMs: number): void {
    this.#network.stop()
    clearTimeout(this.#timer)
    this.#giveUp?.()
    this.#giveUp = undefined
    for (const session of [...this.#sessions]) session.leave(graceMs)
    this.#leaveWhenAlone()
  }

  #leaveWhenAlone(): void {
    if (this.#sessions.size > 0 || !this.#move('left')) return
    this.#handler.onStopped(this.#refusal)
    this.#resolveStopped()
  }
}
