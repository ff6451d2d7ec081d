import {
  type BindRequest,
  type Hello,
  type Link,
  type Logger,
  parseToServer,
  Session,
  type SessionHandler,
  startKeepalive,
  TunnelError,
  type WindowBudget,
} from 'tunnel-protocol'
import type { AccountSessions } from '../accounts/sessions.js'
import type { TokenList } from '../accounts/tokens.js'
import type { Holder, TunnelRegistry } from '../registry/tunnels.js'

export interface ControlContext {
  registry: TunnelRegistry
  tokens: TokenList
  accountSessions: AccountSessions
  /** What the windows of all sessions may grow by together. */
  growthBudget: WindowBudget
  isTrusted(address: string): boolean
  logger: Logger
  /** Software and version, told to agents. */
  software: string
  maxStreams: number
  pingIntervalMs: number
  pingDeadlineMs: number
  /** Public URL of a name. */
  urlOf(name: string): string
}

/** Time for an agent to say hello. */
const HELLO_DEADLINE_MS = 10_000

/** One connected agent and the names it holds. */
export class AgentSession implements SessionHandler, Holder {
  readonly id: string
  readonly session: Session
  instance: string | undefined
  account = ''
  /** Where the agent is (see addressGroup). */
  readonly #address: string
  readonly #context: ControlContext
  readonly #onClosed: (session: AgentSession) => void
  readonly #stopKeepalive: () => void
  #helloTimer: NodeJS.Timeout | undefined
  #greeted = false
  #left = false

  constructor(
    id: string,
    link: Link,
    address: string,
    context: ControlContext,
    onClosed: (session: AgentSession) => void,
  ) {
    this.id = id
    this.#address = address
    this.#context = context
    this.#onClosed = onClosed
    this.session = new Session({
      role: 'server',
      handler: this,
      maxStreams: context.maxStreams,
      growthBudget: context.growthBudget,
    })
    this.session.attach(link)
    this.#helloTimer = setTimeout(() => {
      this.session.close(new TunnelError('TUN_ERR_PROTOCOL', 'the agent did not say hello in time'))
    }, HELLO_DEADLINE_MS)
    this.#stopKeepalive = startKeepalive(this.session, {
      intervalMs: context.pingIntervalMs,
      deadlineMs: context.pingDeadlineMs,
    })
  }

  onControl(fields: Record<string, unknown>): void {
    const message = parseToServer(fields)
    if (message?.type === 'hello') this.#onHello(message)
    else if (message?.type === 'leave' && !this.#left) {
      this.#left = true
      this.#context.registry.leave(this)
    }
  }

  onClose(error: TunnelError): void {
    clearTimeout(this.#helloTimer)
    this.#stopKeepalive()
    if (this.#left) this.#context.registry.leave(this)
    else this.#context.registry.away(this)
    if (this.account !== '') this.#context.accountSessions.leave(this.account, this.instance ?? this.id)
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

  #onHello(hello: Hello): void {
    if (this.#greeted) throw new TunnelError('TUN_ERR_PROTOCOL', 'the agent said hello twice')
    this.#greeted = true
    clearTimeout(this.#helloTimer)
    const account = this.#context.tokens.accountOf(hello.token, this.#address)
    this.instance = hello.instance
    this.#context.accountSessions.enter(account, hello.instance ?? this.id)
    this.account = account
    this.session.setPeerWindow(hello.window)
    this.session.sendControl({
      type: 'welcome',
      session: this.id,
      window: this.session.windowBytes,
      server: this.#context.software,
    })
    for (const bind of hello.binds) this.#bind(bind, hello.agent)
  }

  #bind(request: BindRequest, agent: string | undefined): void {
    try {
      const tunnel = this.#context.registry.bind(request, this)
      const url = this.#context.urlOf(tunnel.name)
      this.session.sendControl({ type: 'bound', tunnel: tunnel.number, name: tunnel.name, url, claim: tunnel.claim })
      this.#context.logger.info({ session: this.id, tunnel: tunnel.name, agent }, 'tunnel open')
    } catch (error) {
      const { code, detail } = TunnelError.from(error)
      this.session.sendControl({ type: 'refused', tunnel: request.tunnel, code, message: detail })
      this.#context.logger.info({ session: this.id, tunnel: request.name, code }, 'tunnel refused')
    }
  }
}
