import { TunnelError } from 'tunnel-protocol'
import type { Actor } from './account.js'
import type { Accounts } from './accounts.js'
import { type Credentials, type Entrance, isGuest } from './entrance.js'
import type { AccountService, AdminAnswer, AdminCall, AdminCalls, Identity } from './service.js'

/** Answers in this process. */
export class LocalAccounts implements AccountService {
  readonly #entrance: Entrance
  readonly #accounts: Accounts | undefined
  readonly #maxTunnels: () => number

  /** `accounts`: undefined where the server keeps nothing. `maxTunnels`: of an account without a limit of its own. */
  constructor(entrance: Entrance, accounts: Accounts | undefined, maxTunnels: () => number) {
    this.#entrance = entrance
    this.#accounts = accounts
    this.#maxTunnels = maxTunnels
  }

  async identify(credentials: Credentials): Promise<Identity> {
    const { account, known } = this.#entrance.admit(credentials)
    const { open } = this.#entrance
    if (isGuest(account)) return { account: null, open }
    return {
      account: {
        name: known?.name ?? null,
        role: known?.role ?? 'user',
        names: known?.names ?? [],
        limits: { tunnels: known?.limits.tunnels ?? this.#maxTunnels() },
      },
      open,
    }
  }

  async perform<K extends keyof AdminCalls>(
    credentials: Credentials,
    call: { call: K } & AdminCalls[K]['asks'],
  ): Promise<AdminAnswer<K>> {
    const { known } = this.#entrance.admit(credentials)
    if (known?.role !== 'admin')
      throw new TunnelError('TUN_ERR_FORBIDDEN', 'only an account with the role admin may do that')
    if (this.#accounts === undefined) {
      throw new TunnelError('TUN_ERR_DATA', 'this server keeps no accounts: it runs without a data folder')
    }
    const actor: Actor = { name: known.name, via: 'api', address: credentials.address }
    return perform(this.#accounts, call as AdminCall, actor) as AdminAnswer<K>
  }
}

function perform(accounts: Accounts, call: AdminCall, actor: Actor): AdminAnswer<keyof AdminCalls> {
  switch (call.call) {
    case 'listAccounts':
      return accounts.list()
    case 'showAccount':
      return accounts.show(call.name)
    case 'addAccount':
      return accounts.add(call.name, call.fields, actor)
    case 'setAccount':
      return accounts.set(call.name, call.fields, actor)
    case 'removeAccount':
      accounts.remove(call.name, actor)
      return null
    case 'banAccount':
      return accounts.ban(call.name, call.reason, actor)
    case 'unbanAccount':
      return accounts.unban(call.name, actor)
    case 'listTokens':
      return accounts.tokens(call.name)
    case 'createToken':
      return accounts.createToken(call.name, call.fields, actor)
    case 'revokeToken':
      accounts.revoke(call.id, actor)
      return null
    case 'history':
      return accounts.history(call.limit, call.before)
  }
}
