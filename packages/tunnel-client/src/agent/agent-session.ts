import {
  type Bound,
  type ErrorCode,
  errorFromPayload,
  errorTable,
  FRAME_HEADER_BYTES,
  FrameType,
  Keepalive,
  type Link,
  MAX_STREAMS,
  type OpenRequest,
  parseControl,
  parseToAgent,
  type Rules,
  readGreeting,
  SESSION_TUNING_BYTES,
  Session,
  type SessionHandler,
  type Stream,
  type StreamHandler,
  StreamKind,
  sendGreeting,
  TunnelError,
  type Welcome,
  WindowBudget,
} from 'tunnel-protocol'
import { isLoopback } from '../origin/target.js'

/** What the windows of all links of this process may have where the way is long: as much as those of one. */
const tuningBudget = new WindowBudget(SESSION_TUNING_BYTES)

export interface AgentSessionOptions {
  token: string | undefined
  /** Software and version, told to the server. */
  software: string
  pingIntervalMs: number
  pingDeadlineMs: number
}

/** What a new session asks for. */
export interface AgentHello {
  name: string | undefined
  claim: string | undefined
  /** The same for as long as the process runs. */
  instance: string
  /** Which of the agent's links the session is for. */
  link: number
  force: boolean
  pool: boolean
  rules: Rules | undefined
}

export interface AgentSessionEvents {
  /** The server has given the name. Called once. */
  onBound(bound: Bound): void
  /** The link is gone; resume() goes on with another one. */
  onDetached(reason: string): void
  /** The server is shutting down: it opens hardly any streams here from now on, and the session is not resumed. */
  onDrain(): void
  /** The server has taken the name away; the session goes on. Called once. */
  onRevoked(error: TunnelError): void
  /** It is over. Called once. */
  onEnd(error: TunnelError): void
  /** A visitor's request. Throwing a TunnelError resets the stream. */
  onStream(stream: Stream, open: OpenRequest): StreamHandler
}

/** How resume() comes out; exactly one is called, unless it is given up. */
export interface ResumeEvents {
  onResumed(): void
  /** The server has given the session up, or never had it. */
  onRefused(error: TunnelError): void
  /** The link was lost before there was an answer. */
  onFailed(error: TunnelError): void
}

/** The one tunnel of a session; numbers are there for agents with several. */
const TUNNEL = 1
/** No timer takes more. */
const MAX_GRACE_MS = 0x7fff_ffff
/** Time for the server to answer hello or resume. */
const ANSWER_DEADLINE_MS = 15_000

/** One session with the server, from hello to its end, over as many links as it takes. */
export class AgentSession implements SessionHandler {
  bound: Bound | undefined
  readonly #options: AgentSessionOptions
  readonly #events: AgentSessionEvents
  readonly #session: Session
  /** We have asked for rules: without a word that they are applied, nobody is to come in. */
  #wantsRules = false
  #welcome: Welcome | undefined
  /** It ends with its link, whatever its grace: the server is shutting down, or we are leaving. */
  #lastLink = false
  #leaving = false
  /** To resume. */
  #attempts = 0
  #localAddress: string | undefined
  #keepalive: Keepalive | undefined
  #answerTimer: NodeJS.Timeout | undefined
  #graceTimer: NodeJS.Timeout | undefined
  #leaveTimer: NodeJS.Timeout | undefined

  constructor(options: AgentSessionOptions, events: AgentSessionEvents) {
    this.#options = options
    this.#events = events
    this.#session = new Session({ role: 'agent', handler: this, maxStreams: MAX_STREAMS, tuningBudget })
  }

  /** Names the session in both logs. */
  get id(): string {
    return this.#welcome?.session ?? ''
  }

  /** How many links the server would like the agent to have. */
  get wantedLinks(): number {
    return this.#welcome?.links ?? 1
  }

  /** Streams open right now. */
  get streamCount(): number {
    return this.#session.streamCount
  }

  /** Begin on the first link. */
  start(link: Link, hello: AgentHello): void {
    this.#answerTimer = setTimeout(() => this.close(unanswered()), ANSWER_DEADLINE_MS)
    this.#attach(link, 0)
    const { name, claim, force, pool, rules } = hello
    this.#wantsRules = rules !== undefined
    this.#session.sendControl({
      type: 'hello',
      token: this.#options.token,
      agent: this.#options.software,
      instance: hello.instance,
      link: hello.link,
      window: this.#session.windowBytes,
      binds: [{ tunnel: TUNNEL, name, claim, force, pool, rules }],
    })
  }

  /** Go on with a new link. Returns a function that gives up. */
  resume(link: Link, events: ResumeEvents): () => void {
    const settle = () => {
      clearTimeout(timer)
      link.handler = undefined
    }
    const fail = (error: TunnelError) => {
      settle()
      link.destroy()
      events.onFailed(error)
    }
    const timer = setTimeout(() => fail(unanswered()), ANSWER_DEADLINE_MS)
    readGreeting(
      link,
      (type, payload, bytes) => {
        settle()
        try {
          if (type === FrameType.GoAway) {
            link.close()
            events.onRefused(errorFromPayload(payload))
            return
          }
          const message = parseToAgent(parseControl(payload))
          if (message?.type !== 'resumed') throw new TunnelError('TUN_ERR_PROTOCOL', 'the server did not answer resume')
          this.#attach(link, message.received)
          events.onResumed()
          this.#session.onBytes(bytes.subarray(FRAME_HEADER_BYTES + payload.length))
        } catch (error) {
          fail(TunnelError.from(error))
        }
      },
      fail,
    )
    sendGreeting(link, {
      type: 'resume',
      session: this.id,
      secret: this.#welcome!.secret,
      attempt: ++this.#attempts,
      received: this.#session.receivedBytes,
    })
    return () => {
      settle()
      link.destroy()
    }
  }

  /**
   * Say goodbye: the name is free at once. Then let open requests end for up to `graceMs`, and close. Streams that the server opens before
   * it has heard of it are served like all others.
   */
  leave(graceMs: number): void {
    if (this.bound === undefined || !this.#session.attached) {
      this.close(leaving())
      return
    }
    this.#leaving = true
    this.#lastLink = true
    this.#keepalive?.stop() // the time is limited anyway
    this.#session.sendControl({ type: 'leave' })
    if (graceMs === 0) {
      this.#session.flush()
      this.close(leaving())
      return
    }
    this.#leaveTimer = setTimeout(() => this.close(leaving()), graceMs)
    if (this.streamCount === 0) this.onIdle()
  }

  close(error: TunnelError): void {
    this.#session.close(error)
  }

  /** The machine's addresses are these now: the link may lead nowhere. */
  onNetworkChange(addresses: ReadonlySet<string>): void {
    const address = this.#localAddress
    if (address === undefined || isLoopback(address) || addresses.has(address)) this.#keepalive?.probe()
    else this.#session.dropLink(`this machine is ${address} no longer`)
  }

  #attach(link: Link, received: number): void {
    clearTimeout(this.#graceTimer)
    this.#localAddress = link.localAddress
    this.#session.attach(link, received)
    this.#keepalive = new Keepalive(this.#session, {
      intervalMs: this.#options.pingIntervalMs,
      deadlineMs: this.#options.pingDeadlineMs,
      impatient: true,
    })
  }

  // Session → agent

  onDetached(reason: string): void {
    this.#keepalive?.stop()
    const lost = new TunnelError('TUN_ERR_SESSION_CLOSED', `the connection was lost (${reason})`)
    if (this.bound === undefined || this.#welcome === undefined || this.#lastLink) {
      this.close(lost)
      return
    }
    this.#graceTimer = setTimeout(() => this.close(lost), Math.min(this.#welcome.grace ?? 0, MAX_GRACE_MS))
    this.#events.onDetached(reason)
  }

  onControl(fields: Record<string, unknown>): void {
    const message = parseToAgent(fields)
    switch (message?.type) {
      case 'welcome':
        if (this.#welcome !== undefined) throw new TunnelError('TUN_ERR_PROTOCOL', 'the server said welcome twice')
        this.#welcome = message
        this.#session.setPeerWindow(message.window)
        if (message.secret === undefined || !message.grace) this.#session.endWithLink()
        return
      case 'bound':
        if (message.tunnel !== TUNNEL || this.bound !== undefined) return
        if (this.#wantsRules && message.rules !== true) {
          this.close(new TunnelError('TUN_ERR_RULES', 'the server does not apply rules for visitors: update it'))
          return
        }
        this.bound = message
        clearTimeout(this.#answerTimer)
        this.#events.onBound(message)
        return
      case 'refused': {
        const known = Object.hasOwn(errorTable, message.code)
        const error = new TunnelError(known ? (message.code as ErrorCode) : 'TUN_ERR_FORBIDDEN', message.message)
        if (this.bound === undefined) this.close(error)
        else this.#events.onRevoked(error)
        return
      }
      case 'drain':
        if (this.bound === undefined) {
          this.close(new TunnelError('TUN_ERR_DRAINING', 'the server is restarting'))
          return
        }
        this.#lastLink = true
        this.#events.onDrain()
    }
  }

  /** Once the server has answered, it has all that we sent, and we have all that it opened before it knew. */
  onIdle(): void {
    if (!this.#leaving) return
    this.#session.ping(() => {
      if (this.streamCount === 0) this.close(leaving())
    })
  }

  onOpen(stream: Stream, open: OpenRequest): StreamHandler {
    if (open.tunnel !== TUNNEL || this.bound === undefined)
      throw new TunnelError('TUN_ERR_PROTOCOL', `there is no tunnel ${open.tunnel}`)
    if (open.kind !== StreamKind.Http && open.kind !== StreamKind.Upgrade) {
      throw new TunnelError('TUN_ERR_PROTOCOL', `this agent does not know streams of kind ${open.kind}`)
    }
    return this.#events.onStream(stream, open)
  }

  onClose(error: TunnelError): void {
    clearTimeout(this.#answerTimer)
    clearTimeout(this.#graceTimer)
    clearTimeout(this.#leaveTimer)
    this.#keepalive?.stop()
    this.#events.onEnd(error)
  }
}

function leaving(): TunnelError {
  return new TunnelError('TUN_ERR_SESSION_CLOSED', 'the agent is leaving')
}

function unanswered(): TunnelError {
  return new TunnelError('TUN_ERR_CONNECT', 'the server took the connection but does not answer')
}
