import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Limits, Role } from './account.js'
import { matchesAny } from './patterns.js'
import { digestOf, tokenIdOf } from './token-text.js'

/** An account, as far as it concerns who may come in and what he may have. */
export interface RosterAccount {
  /** Whose names these are, for the registry: `account <id>`, which no other account ever is. */
  key: string
  name: string
  role: Role
  /** Patterns of names; see Account. */
  names: string[]
  limits: Limits
  /** Why it is banned; undefined: it is not. */
  ban: string | undefined
}

export interface RosterToken {
  id: string
  digest: Uint8Array
  account: RosterAccount
  /** Milliseconds since the epoch, or Infinity. */
  expiresAt: number
}

/** Compared with where there is no token of the id. Nobody knows what it is the digest of. */
const NOBODY = randomBytes(32)

/** All accounts and tokens of one moment, in memory: a disk that fails keeps nobody out. */
export class Roster {
  readonly accountCount: number
  readonly #tokens = new Map<string, RosterToken>()
  readonly #accounts = new Map<string, RosterAccount>()
  /** Names that are reserved as they are, and patterns with a `*`. */
  readonly #names = new Set<string>()
  readonly #patterns: string[] = []

  constructor(accounts: readonly RosterAccount[] = [], tokens: readonly RosterToken[] = []) {
    this.accountCount = accounts.length
    for (const account of accounts) {
      this.#accounts.set(account.key, account)
      for (const pattern of account.names) {
        if (pattern.includes('*')) this.#patterns.push(pattern)
        else this.#names.add(pattern)
      }
    }
    for (const token of tokens) if (token.digest.length === NOBODY.length) this.#tokens.set(token.id, token)
  }

  /** The token with this text, whether or not it is still good. One comparison, whatever the text. */
  find(text: string, compare: typeof timingSafeEqual = timingSafeEqual): RosterToken | undefined {
    const token = this.#tokens.get(tokenIdOf(text) ?? '')
    const isRight = compare(digestOf(text), token?.digest ?? NOBODY)
    return isRight ? token : undefined
  }

  token(id: string): RosterToken | undefined {
    return this.#tokens.get(id)
  }

  account(key: string): RosterAccount | undefined {
    return this.#accounts.get(key)
  }

  /** Does a pattern of any account fit `name`? */
  isReserved(name: string): boolean {
    return this.#names.has(name) || matchesAny(this.#patterns, name)
  }
}
