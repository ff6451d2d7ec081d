import { MAX_LINKS, TunnelError } from 'tunnel-protocol'

/** Sessions of one agent: one for each of its links, and for a moment two, when it has come back. More than that is not one agent. */
const MAX_SESSIONS_PER_AGENT = 2 * MAX_LINKS

/** Counts the agents of each account that have a link, and says when it is enough. */
export class AccountSessions {
  /** Agents of one account; those that are there already stay when it is lowered. */
  max: number
  /** Account to agents, each with the number of its sessions. */
  readonly #byAccount = new Map<string, Map<string, number>>()

  constructor(maxSessionsPerAccount: number) {
    this.max = maxSessionsPerAccount
  }

  /** Count a session that has a link again, whatever the limit; leave() is owed for it. */
  enterAgain(account: string, agent: string): void {
    const agents = this.#byAccount.get(account) ?? new Map<string, number>()
    agents.set(agent, (agents.get(agent) ?? 0) + 1)
    this.#byAccount.set(account, agents)
  }

  /** Count a session of `agent`; leave() is owed for it. Throws TUN_ERR_ACCOUNT_LIMIT. */
  enter(account: string, agent: string): void {
    const agents = this.#byAccount.get(account) ?? new Map<string, number>()
    const sessions = agents.get(agent) ?? 0
    if (sessions === 0 && agents.size >= this.max) {
      throw new TunnelError(
        'TUN_ERR_ACCOUNT_LIMIT',
        `your account has as many agents connected as it may here (${agents.size})`,
      )
    }
    if (sessions >= MAX_SESSIONS_PER_AGENT) {
      throw new TunnelError('TUN_ERR_ACCOUNT_LIMIT', `this agent is already connected ${sessions} times`)
    }
    this.enterAgain(account, agent)
  }

  leave(account: string, agent: string): void {
    const agents = this.#byAccount.get(account)!
    const sessions = agents.get(agent)! - 1
    if (sessions > 0) agents.set(agent, sessions)
    else agents.delete(agent)
    if (agents.size === 0) this.#byAccount.delete(account)
  }
}
