import { randomBytes } from 'node:crypto'
import {
  type BindRequest,
  type Hello,
  Keepalive,
  type Link,
  type Logger,
  parseToServer,
  type Resume,
  Session,
  type SessionHandler,
  sendGreeting,
  TunnelError,
  type WindowBudget,
} from 'tunnel-protocol'
import { isSecret } from '../policy/secret.js'
import type { Directory } from '../registry/directory.js'
import type { Holder } from '../registry/holding.js'
import type { Carrier } from '../registry/tunnel.js'
import type { Authority, Grant } from './authority.js'

export interface ControlContext {
  authority: Authority
  directory: Directory
  /** What the windows of all sessions may grow by together. */
  growthBudget: WindowBudget
  /** What they may have beyond that, where the way is long. */
  tuningBudget: WindowBudget
  isTrusted(address: string): boolean
  logger: Logger
  /** Software and version, told to agents. */
  software: string
  maxStreams: number
  pingIntervalMs: number
  pingDeadlineMs: number
  /** How long a session waits for a new link; 0: it ends with its link. */
  resumeGraceMs: number
  /** How many links an agent does well to have; undefined: one. */
  links: number | undefined
  /** Public URL of a name. */
  urlOf(name: string): string
}

/** Time for an agent whose last name has been taken over to end the requests that it has, and go. */
const TAKEN_OVER_MS = 30_000

/** One agent and the names it holds; it outlives the agent's links. */
export class AgentSession implements SessionHandler, Holder, Carrier {
  readonly id: string
  readonly session: Session
  instance: string | undefined
  link = 0
  account = ''
  /** Where the agent is (see addressGroup). */
  readonly #address: string
  readonly #context: ControlContext
  readonly #onClosed: (session: AgentSession) => void
  readonly #secret = randomBytes(24).toString('base64url')
  #keepalive: Keepalive | undefined
  #graceTimer: NodeJS.Timeout | undefined
  #leaveTimer: NodeJS.Timeout | undefined
  #greeted = false
  /** The authority knows of it. */
  #entered = false
  /** The last one of the agent's attempts to resume. */
  #attempt = 0
  /** It has been given a name. */
  #bound = false
  #left = false

  constructor(id: string, address: string, context: ControlContext, onClosed: (session: AgentSession) => void) {
    this.id = id
    this.#address = address
    this.#context = context
    this.#onClosed = onClosed
    this.session = new Session({
      role: 'server',
      handler: this,
      maxStreams: context.maxStreams,
      growthBudget: context.growthBudget,
      tuningBudget: context.tuningBudget,
    })
    if (context.resumeGraceMs === 0) this.session.endWithLink()
  }

  /** The session has a link, and visitors' requests reach the agent at once. */
  get attached(): boolean {
    return this.session.attached
  }

  /** The agent has owed an answer for a moment: in a pool, others are asked first. */
  get suspect(): boolean {
    return this.#keepalive?.suspect ?? false
  }

  hasEnded(): boolean {
    return this.session.closed
  }

  /** Begin on the first link, of which `bytes` have been read: the agent's hello. */
  start(link: Link, bytes: Buffer): void {
    this.#attach(link, 0)
    this.session.onBytes(bytes)
  }

  /**
   * Go on with a new link, whatever has become of the one before. `bytes`: what came behind the agent's message. Returns false, and does nothing, for
   * a secret that is not this session's, and for an attempt that the agent has given up for a later one.
   */
  resume(link: Link, { secret, attempt, received }: Resume, bytes: Buffer): boolean {
    if (!isSecret(this.#secret, secret) || attempt <= this.#attempt) return false
    this.#attempt = attempt
    this.session.dropLink('the agent has a newer one')
    if (this.session.closed) return false
    sendGreeting(link, { type: 'resumed', received: this.session.receivedBytes })
    this.#attach(link, received)
    if (this.session.closed) return true // what the agent says it has received cannot be
    this.#context.logger.info({ session: this.id }, 'agent is back')
    this.#context.authority.moved(this)
    this.#context.directory.reachable(this)
    this.session.onBytes(bytes)
    return true
  }

  /** The server shuts down: the agent is to open a session with its successor. */
  drain(): void {
    this.session.sendControl({ type: 'drain' })
  }

  #attach(link: Link, received: number): void {
    clearTimeout(this.#graceTimer)
    this.#keepalive?.stop()
    this.session.attach(link, received)
    this.#keepalive = new Keepalive(this.session, {
      intervalMs: this.#context.pingIntervalMs,
      deadlineMs: this.#context.pingDeadlineMs,
    })
  }

  onDetached(reason: string): void {
    this.#keepalive?.stop()
    const { resumeGraceMs } = this.#context
    const giveUp = () =>
      this.session.close(new TunnelError('TUN_ERR_SESSION_CLOSED', `the connection was lost (${reason})`))
    // Without a name there is nothing to come back for, and nothing that would bound how many such sessions are kept.
    if (!this.#bound || this.#left) {
      giveUp()
      return
    }
    this.#context.logger.info({ session: this.id, reason }, 'agent lost its connection, and may come back')
    this.#context.authority.moved(this)
    this.#graceTimer = setTimeout(giveUp, resumeGraceMs)
  }

  onControl(fields: Record<string, unknown>): void {
    const message = parseToServer(fields)
    if (message?.type === 'hello') this.#onHello(message)
    else if (message?.type === 'leave' && !this.#left) {
      this.#left = true
      this.#context.directory.dropAll(this)
      this.#context.authority.leave(this)
    }
  }

  onClose(error: TunnelError): void {
    clearTimeout(this.#graceTimer)
    clearTimeout(this.#leaveTimer)
    this.#keepalive?.stop()
    this.#context.directory.dropAll(this)
    if (this.#entered) this.#context.authority.over(this)
    if (error.code === 'TUN_ERR_INTERNAL')
      this.#context.logger.error({ session: this.id, err: error.cause }, 'session failed')
    this.#context.logger.info(
      { session: this.id, code: error.code, reason: error.detail },
      this.#left ? 'agent left' : 'agent gone',
    )
    this.#onClosed(this)
  }

  replaced(name: string): void {
    this.session.close(new TunnelError('TUN_ERR_REPLACED', `a newer connection of the same agent took "${name}" over`))
  }

  takenOver(name: string, number: number): void {
    const message = `another agent of your account has taken the name "${name}" over (--force)`
    this.session.sendControl({ type: 'refused', tunnel: number, code: 'TUN_ERR_REPLACED', message })
    this.#context.logger.info({ session: this.id, tunnel: name }, 'tunnel taken over')
    this.#context.directory.drop(name, this)
    if (this.#context.directory.holdsAny(this)) return
    this.#leaveTimer ??= setTimeout(
      () => this.session.close(new TunnelError('TUN_ERR_REPLACED', message)),
      TAKEN_OVER_MS,
    )
  }

  left(name: string): void {
    this.#context.directory.drop(name, this)
  }

  end(error: TunnelError): void {
    this.session.close(error)
  }

  #onHello(hello: Hello): void {
    if (this.#greeted) throw new TunnelError('TUN_ERR_PROTOCOL', 'the agent said hello twice')
    this.#greeted = true
    this.instance = hello.instance
    this.link = hello.link ?? 0
    this.session.setPeerWindow(hello.window)
    this.#entered = true
    this.#context.authority.enter(this, { token: hello.token, address: this.#address }, (error) => {
      if (error === undefined) this.#welcome(hello)
      else this.session.close(error)
    })
  }

  #welcome({ binds, agent }: Hello): void {
    if (this.session.closed) return
    this.session.sendControl({
      type: 'welcome',
      session: this.id,
      secret: this.#secret,
      grace: this.#context.resumeGraceMs,
      links: this.#context.links,
      window: this.session.windowBytes,
      server: this.#context.software,
    })
    for (const bind of binds) {
      this.#context.authority.bind(bind, this, (grant) => {
        if (grant instanceof TunnelError) this.#refuse(bind, grant)
        else if (grant !== undefined) this.#open(bind, grant, agent)
      })
    }
  }

  #refuse({ tunnel, name }: BindRequest, { code, detail }: TunnelError): void {
    this.session.sendControl({ type: 'refused', tunnel, code, message: detail })
    this.#context.logger.info({ session: this.id, tunnel: name, code }, 'tunnel refused')
  }

  #open({ tunnel, rules: asked }: BindRequest, { name, claim }: Grant, agent: string | undefined): void {
    if (this.session.closed || this.#left) return
    this.#bound = true
    // Whoever grants a bind with rules has understood them, and they are applied by now.
    const rules = asked === undefined ? undefined : true
    this.session.sendControl({ type: 'bound', tunnel, name, url: this.#context.urlOf(name), claim, rules })
    this.#context.logger.info({ session: this.id, tunnel: name, agent }, 'tunnel open')
    this.#context.directory.enter(name, this, tunnel)
    this.#context.authority.told(name, this)
  }
}
