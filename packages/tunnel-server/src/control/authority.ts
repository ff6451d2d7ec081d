import { type BindRequest, TunnelError } from 'tunnel-protocol'
import type { Credentials, Entrance, Entry } from '../accounts/entrance.js'
import type { AccountSessions } from '../accounts/sessions.js'
import { agentOf, type Holder, type Holding } from '../registry/holding.js'
import type { Holdings } from '../registry/holdings.js'

/** A name that an agent has been given. */
export interface Grant {
  name: string
  /** The proof of it, for the agent alone. */
  claim: string
}

/**
 * What decides about names and accounts: this process, or the main one of several. Answers may take a while, in which the session may end;
 * they come in the order of the questions.
 */
export interface Authority {
  /**
   * A session of an agent begins; over() is owed. `then` gets TUN_ERR_UNAUTHORIZED or TUN_ERR_FORBIDDEN where the credentials are not good, TUN_ERR_ACCOUNT_LIMIT where there
   * is no room. Later the session may be ended (Holder.end), when they are good no more.
   */
  enter(holder: Holder, credentials: Credentials, then: (error: TunnelError | undefined) => void): void
  /** `then` gets the name, once it outlives this process as far as it ever will; undefined where the session has lost it by then. */
  bind(request: BindRequest, holder: Holder, then: (grant: Grant | TunnelError | undefined) => void): void
  /** The agent has been told a name of its own, and takes streams. */
  told(name: string, holder: Holder): void
  /** The agent has lost its link, or has one again (Holder.attached). */
  moved(holder: Holder): void
  /** The agent said goodbye: its names are free. */
  leave(holder: Holder): void
  /** The session is over: its names are kept, unless the agent has left. */
  over(holder: Holder): void
}

export interface LocalAuthorityOptions {
  entrance: Entrance
  holdings: Holdings
  sessions: AccountSessions
  /** Call `then` when all names given so far outlive this process, as far as they ever will. */
  whenSaved(then: () => void): void
}

/** Decides in this process. */
export class LocalAuthority implements Authority {
  readonly #options: LocalAuthorityOptions
  /** Sessions that are not over, and by what they came in. */
  readonly #entries = new Map<Holder, Entry>()
  /** Sessions that count against their accounts: those with a link. */
  readonly #counted = new Set<Holder>()

  constructor(options: LocalAuthorityOptions) {
    this.#options = options
  }

  /** Sessions of agents that have a link right now. */
  get sessionCount(): number {
    return this.#counted.size
  }

  enter(holder: Holder, credentials: Credentials, then: (error: TunnelError | undefined) => void): void {
    const { entrance, sessions } = this.#options
    try {
      const entry = entrance.admit(credentials)
      entrance.beginSession(entry)
      holder.account = entry.account
      sessions.enter(holder.account, agentOf(holder))
      this.#entries.set(holder, entry)
    } catch (error) {
      then(TunnelError.from(error))
      return
    }
    this.#counted.add(holder)
    then(undefined)
  }

  /** End the sessions that may not stay: what the entrance knows has changed, or time has passed. */
  review(): void {
    for (const [holder, entry] of [...this.#entries]) {
      const objection = this.#options.entrance.objection(entry)
      if (objection !== undefined) holder.end(objection)
    }
  }

  bind(request: BindRequest, holder: Holder, then: (grant: Grant | TunnelError | undefined) => void): void {
    const { holdings, whenSaved } = this.#options
    let holding: Holding
    try {
      holding = holdings.bind(request, holder)
    } catch (error) {
      then(TunnelError.from(error))
      return
    }
    whenSaved(() =>
      then(holdings.has(holding, holder) ? { name: holding.name, claim: holdings.claimOf(holding) } : undefined),
    )
  }

  told(name: string, holder: Holder): void {
    this.#options.holdings.told(name, holder)
  }

  moved(holder: Holder): void {
    if (!holder.attached) this.#leaveAccount(holder)
    else if (!this.#counted.has(holder)) {
      this.#options.sessions.enterAgain(holder.account, agentOf(holder))
      this.#counted.add(holder)
    }
    this.#options.holdings.moved(holder)
  }

  leave(holder: Holder): void {
    this.#options.holdings.leave(holder)
  }

  over(holder: Holder): void {
    this.#entries.delete(holder)
    this.#options.holdings.away(holder)
    this.#leaveAccount(holder)
  }

  #leaveAccount(holder: Holder): void {
    if (this.#counted.delete(holder)) this.#options.sessions.leave(holder.account, agentOf(holder))
  }
}
