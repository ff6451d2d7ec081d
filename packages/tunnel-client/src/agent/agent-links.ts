import { MAX_LINKS, type TunnelError } from 'tunnel-protocol'
import { Agent, type AgentHandler, type AgentOptions, newIdentity, REFUSED_GRACE_MS } from './agent.js'

export interface AgentLinksOptions extends AgentOptions {
  /** From 1 to MAX_LINKS; undefined: as many as the server asks for. */
  links: number | undefined
}

/**
 * One agent on several links, each with a session of its own. Whoever uses it sees one: it is online as long as one of its links is. The first link gets
 * the name, the others join it.
 */
export class AgentLinks {
  readonly #options: AgentLinksOptions
  readonly #handler: AgentHandler
  readonly #identity
  readonly #agents: Agent[] = []
  readonly #online = new Set<Agent>()
  #url = ''
  #stoppedCount = 0
  #stopping = false
  /** Why we leave, where the server wants it. */
  #refusal: TunnelError | undefined

  constructor(options: AgentLinksOptions, handler: AgentHandler) {
    this.#options = options
    this.#handler = handler
    this.#identity = newIdentity(options)
    this.#add()
  }

  /** Streams open right now. */
  get streamCount(): number {
    return this.#agents.reduce((count, agent) => count + agent.streamCount, 0)
  }

  start(): void {
    this.#agents[0]!.start()
  }

  /** As Agent.stop, on all links. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#agents.map((agent) => agent.stop(graceMs)))
  }

  #add(): Agent {
    const agent: Agent = new Agent(
      this.#options,
      {
        onOnline: (bound, session, links) => {
          const isNews = this.#online.size === 0 || bound.url !== this.#url
          this.#online.add(agent)
          this.#url = bound.url
          if (isNews) this.#handler.onOnline(bound, session, links)
          this.#addUpTo(this.#options.links ?? Math.min(links, MAX_LINKS))
        },
        onOffline: (error, delayMs) => {
          const wasOnline = this.#online.delete(agent)
          // Of the attempts that follow, those of one link say all there is to say.
          const isNews = wasOnline || agent === this.#agents[0]
          if (isNews && this.#online.size === 0) this.#handler.onOffline(error, delayMs)
        },
        onStopped: (error) => this.#onStopped(agent, error),
        onStream: (stream, open, session) => this.#handler.onStream(stream, open, session),
      },
      this.#identity,
      this.#agents.length,
    )
    this.#agents.push(agent)
    return agent
  }

  #addUpTo(count: number): void {
    while (this.#agents.length < count && !this.#stopping) this.#add().start()
  }

  /** Whoever is refused on one link is wanted on none. */
  #onStopped(agent: Agent, error: TunnelError | undefined): void {
    this.#online.delete(agent)
    this.#refusal ??= error
    if (++this.#stoppedCount === this.#agents.length) this.#handler.onStopped(this.#refusal)
    else if (!this.#stopping) void this.stop(REFUSED_GRACE_MS)
  }
}
