import type { Account, AccountFields, AuditRecord, Limits, Role, Token, TokenFields } from './account.js'
import type { Credentials } from './entrance.js'

/** Who somebody is who asks over HTTP. */
export interface Identity {
  /** Null for guests. */
  account: {
    /** Null for a token of the server's settings, which has none. */
    name: string | null
    role: Role
    names: string[]
    /** As they count for it, those of the settings included. */
    limits: Required<Limits>
  } | null
  /** Those without a token may open tunnels too. */
  open: boolean
}

/** What an admin may ask for, and what the answer is. Texts and numbers are checked by whoever carries it out. */
export interface AdminCalls {
  listAccounts: { asks: object; answer: Account[] }
  showAccount: { asks: { name: string }; answer: Account }
  addAccount: { asks: { name: string; fields: AccountFields }; answer: Account }
  setAccount: { asks: { name: string; fields: AccountFields }; answer: Account }
  removeAccount: { asks: { name: string }; answer: null }
  banAccount: { asks: { name: string; reason: string }; answer: Account }
  unbanAccount: { asks: { name: string }; answer: Account }
  listTokens: { asks: { name: string }; answer: Token[] }
  createToken: { asks: { name: string; fields: TokenFields }; answer: { token: Token; text: string } }
  revokeToken: { asks: { id: string }; answer: null }
  history: { asks: { limit: number; before?: number }; answer: AuditRecord[] }
}

export type AdminCall = { [K in keyof AdminCalls]: { call: K } & AdminCalls[K]['asks'] }[keyof AdminCalls]
export type AdminAnswer<K extends keyof AdminCalls> = AdminCalls[K]['answer']

/** Accounts, for those who ask over HTTP: in this process, or by way of the main one of several. */
export interface AccountService {
  /** Rejects with TUN_ERR_UNAUTHORIZED or TUN_ERR_FORBIDDEN as Entrance.admit throws them. */
  identify(credentials: Credentials): Promise<Identity>
  /**
   * Do what an admin asks for. Rejects as identify() does, with TUN_ERR_FORBIDDEN for whoever is no admin, with what Accounts throws, and with TUN_ERR_DATA where the
   * server keeps nothing.
   */
  perform<K extends keyof AdminCalls>(
    credentials: Credentials,
    call: { call: K } & AdminCalls[K]['asks'],
  ): Promise<AdminAnswer<K>>
}
