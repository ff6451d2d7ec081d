import { FieldError } from './field-error.js'

/** What an account may do: `admin` may do everything with accounts. */
export type Role = 'user' | 'admin'

/** What an account may have at once; what is not there is limited by the server's settings. */
export interface Limits {
  tunnels?: number
}

/** An account, as it is shown. Times are milliseconds since the epoch. */
export interface Account {
  name: string
  role: Role
  /** Patterns of the names that it may have, and that nobody else may; none: all names that are nobody's. */
  names: string[]
  limits: Limits
  /** How many tokens it has. */
  tokens: number
  createdAt: number
  ban: Ban | null
}

export interface Ban {
  at: number
  /** Told to whoever shows a token of the account; may be empty. */
  reason: string
}

/** A token, as it is shown: nothing that opens a door. */
export interface Token {
  id: string
  account: string
  /** What it is for; may be empty. */
  label: string
  createdAt: number
  /** Null: never. */
  expiresAt: number | null
}

/** What of an account can be set. `tunnels: null`: as the server's settings say. */
export interface AccountFields {
  role?: Role
  names?: string[]
  limits?: { tunnels?: number | null }
}

export interface TokenFields {
  label?: string
  /** From now on, in milliseconds; undefined: it does not expire. */
  expiresInMs?: number
}

/** Who changes something, for the audit. */
export interface Actor {
  /** An account, or a user of the operating system. */
  name: string
  via: 'command' | 'api'
  /** Where from, over the API. */
  address?: string
}

/** One thing that was done. */
export interface AuditRecord {
  id: number
  at: number
  actor: string
  via: string
  address: string | null
  /** `account.add`, `token.revoke` and the like. */
  action: string
  /** The account that it was done to. */
  subject: string
  details: Record<string, unknown>
}

const ACCOUNT_NAME = /^(?=.{1,64}$)[a-z0-9](?:[a-z0-9._@+-]*[a-z0-9])?$/
export const MAX_TUNNELS = 65_536
const MAX_LABEL = 100
const MAX_REASON = 200

/** The name in lower case. Throws FieldError. */
export function checkAccountName(given: string): string {
  const name = given.toLowerCase()
  if (ACCOUNT_NAME.test(name)) return name
  const rule = '1 to 64 of a-z, 0-9 and . _ @ + -, with a letter or digit at both ends'
  throw FieldError.expected('name', rule, given)
}

/** Throws FieldError. */
export function checkTunnels(tunnels: number): number {
  if (Number.isInteger(tunnels) && tunnels >= 0 && tunnels <= MAX_TUNNELS) return tunnels
  throw FieldError.expected('limits.tunnels', `a whole number from 0 to ${MAX_TUNNELS}`, tunnels)
}

/** A label or reason: one line of text. Throws FieldError. */
export function checkLine(field: 'label' | 'reason', text: string): string {
  const max = field === 'label' ? MAX_LABEL : MAX_REASON
  if (text.length <= max && !/[\p{Cc}\p{Cs}\u2028\u2029]/u.test(text)) return text
  throw FieldError.expected(field, `one line of at most ${max} characters`, text)
}

const MAX_LIFETIME_MS = 10 * 365 * 24 * 3_600_000

/** Throws FieldError. */
export function checkLifetime(ms: number): number {
  if (Number.isInteger(ms) && ms > 0 && ms <= MAX_LIFETIME_MS) return ms
  throw FieldError.expected('expiresInMs', `milliseconds, at most ${MAX_LIFETIME_MS} (10 years)`, ms)
}
