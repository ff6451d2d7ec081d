import { timingSafeEqual } from 'node:crypto'
import { TunnelError } from 'tunnel-protocol'
import { matchesAny } from './patterns.js'
import { Rate } from './rate.js'
import { Roster, type RosterAccount } from './roster.js'
import { StaticTokens } from './static-tokens.js'

/** What somebody shows who wants to come in. */
export interface Credentials {
  token: string | undefined
  /** Where he is (see addressGroup). */
  address: string
}

/** Who has come in, and by what. */
export interface Entry {
  /** Whose names these are, for the registry. */
  account: string
  /** What the store knows of the account; undefined for a token of the settings, and for guests. */
  known: RosterAccount | undefined
  /** The id of the token, where it is one of the store. */
  token: string | undefined
}

export interface EntranceSettings {
  /** Whether those without a token may come in; undefined: where the server is for this machine only, and has no accounts and no tokens. */
  open: boolean | undefined
  /** The server is for this machine only. */
  isLocal: boolean
  tokens: readonly string[]
  /** What one address of guests may begin in a minute. */
  sessionsPerMinute: number
  namesPerMinute: number
}

const GUEST = 'address '
const SAME_REFUSAL = 'this server does not know the token, or it is not valid any more'

/** Who may come in, and what he may have there. Pure but for what is known, which others replace. */
export class Entrance {
  #settings: EntranceSettings
  #static = new StaticTokens()
  #roster = new Roster()
  /** There have been accounts or tokens: without a word from the operator nobody else comes in any more. */
  #wasClosed = false
  readonly #sessions: Rate
  readonly #names: Rate
  readonly #now: () => number
  /** Called before anybody is let in or refused: puts the newest roster here. */
  refresh: () => void = () => {}

  constructor(settings: EntranceSettings, now: () => number = Date.now) {
    this.#settings = settings
    this.#now = now
    this.#sessions = new Rate(0, now)
    this.#names = new Rate(0, now)
    this.settings = settings
  }

  set settings(settings: EntranceSettings) {
    this.#settings = settings
    this.#static = new StaticTokens(settings.tokens)
    this.#sessions.perMinute = settings.isLocal ? 0 : settings.sessionsPerMinute
    this.#names.perMinute = settings.isLocal ? 0 : settings.namesPerMinute
    this.#wasClosed ||= this.knowsAny
  }

  set roster(roster: Roster) {
    this.#roster = roster
    this.#wasClosed ||= this.knowsAny
  }

  /** Those without a token may come in. */
  get open(): boolean {
    return this.#settings.open ?? (this.#settings.isLocal && !this.#wasClosed)
  }

  /** There are accounts, or tokens. */
  get knowsAny(): boolean {
    return this.#static.size > 0 || this.#roster.accountCount > 0
  }

  /**
   * Whose credentials these are. A token that is shown has to be right, also where those without one come in. Throws TUN_ERR_UNAUTHORIZED, in the same words whatever is
   * wrong with the token, and after as many comparisons; TUN_ERR_FORBIDDEN, saying why, for a good token of an account that is banned.
   */
  admit({ token, address }: Credentials, compare = timingSafeEqual): Entry {
    this.refresh()
    if (token === undefined || (this.open && !this.knowsAny)) {
      if (this.open) return { account: `${GUEST}${address}`, known: undefined, token: undefined }
      throw new TunnelError(
        'TUN_ERR_UNAUTHORIZED',
        'this server wants a token: set TUNNEL_TOKEN or pass --token-file; whoever runs it makes one with "tunnel-server token create"',
      )
    }
    const account = this.#static.accountOf(token, compare)
    const found = this.#roster.find(token, compare)
    if (account !== undefined) return { account, known: undefined, token: undefined }
    if (found === undefined || found.expiresAt <= this.#now()) {
      throw new TunnelError('TUN_ERR_UNAUTHORIZED', SAME_REFUSAL)
    }
    if (found.account.ban !== undefined) throw banned(found.account.ban)
    return { account: found.account.key, known: found.account, token: found.id }
  }

  /** Why somebody who has come in may not stay; undefined where he may. */
  objection({ account, token }: Entry): TunnelError | undefined {
    const gone = (why: string) => new TunnelError('TUN_ERR_UNAUTHORIZED', why)
    if (token !== undefined) {
      const found = this.#roster.token(token)
      if (found === undefined) return gone('this server no longer knows the token')
      if (found.expiresAt <= this.#now()) return gone('the token has expired')
      return found.account.ban === undefined ? undefined : banned(found.account.ban)
    }
    if (isGuest(account)) return this.open ? undefined : gone('this server wants a token from now on')
    return this.#static.knows(account) ? undefined : gone('this server no longer knows the token')
  }

  /** A session begins. Throws TUN_ERR_ACCOUNT_LIMIT where a guest's address begins too many. */
  beginSession({ account }: Entry): void {
    this.#limit(this.#sessions, account, 'sessions')
  }

  /** As many names as the account may have; undefined: as the settings say. */
  maxTunnels(account: string): number | undefined {
    return this.#roster.account(account)?.limits.tunnels
  }

  /**
   * May the account have the name? `isMadeUp`: the server made it up for somebody who has the proof of that. Throws TUN_ERR_FORBIDDEN, in words that tell nothing of
   * other accounts.
   */
  checkName(name: string, account: string, isMadeUp: boolean): void {
    const own = this.#roster.account(account)?.names ?? []
    if (matchesAny(own, name)) return
    if ((own.length === 0 || isMadeUp) && !this.#roster.isReserved(name)) return
    const may =
      own.length === 0 ? 'choose another one' : `it may have ${own.join(', ')}, and names that the server makes up`
    throw new TunnelError('TUN_ERR_FORBIDDEN', `your account may not have the name "${name}": ${may}`)
  }

  /** The name is kept for somebody: it is not made up for others. */
  isReserved(name: string): boolean {
    return this.#roster.isReserved(name)
  }

  /** A name is given for the first time. Throws TUN_ERR_ACCOUNT_LIMIT where a guest's address takes too many. */
  beginName(account: string): void {
    this.#limit(this.#names, account, 'names')
  }

  /** Called now and then. */
  sweep(): void {
    this.#sessions.sweep()
    this.#names.sweep()
  }

  #limit(rate: Rate, account: string, what: string): void {
    const waitMs = isGuest(account) ? rate.take(account) : 0
    if (waitMs === 0) return
    throw new TunnelError(
      'TUN_ERR_ACCOUNT_LIMIT',
      `more new ${what} from your address than this server takes without a token; try again in ${Math.ceil(waitMs / 1_000)} s`,
    )
  }
}

/** An account of somebody without a token, who is known by his address. */
export function isGuest(account: string): boolean {
  return account.startsWith(GUEST)
}

function banned(reason: string): TunnelError {
  return new TunnelError('TUN_ERR_FORBIDDEN', `your account is banned${reason === '' ? '' : `: ${reason}`}`)
}
