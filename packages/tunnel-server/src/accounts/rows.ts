import { TunnelError } from 'tunnel-protocol'
import type { Account, AuditRecord, Limits, Role, Token } from './account.js'

/* What the tables hold (store/migrations.ts), and what is made of it. Whatever the file says is checked; all throw TUN_ERR_DATA. */

export interface AccountRow {
  id: string
  name: string
  role: string
  names: string
  limits: string
  created_at: number
  banned_at: number | null
  ban_reason: string | null
  tokens: number
}

export interface TokenRow {
  id: string
  account: string
  label: string
  created_at: number
  expires_at: number | null
}

/** As the roster needs it. */
export interface KeyRow {
  id: string
  account: string
  digest: string
  expires_at: number | null
}

export interface AuditRow extends Omit<AuditRecord, 'details'> {
  details: string
}

export function accountOf(row: AccountRow): Account {
  return {
    name: row.name,
    role: roleOf(row),
    names: namesOf(row),
    limits: limitsOf(row),
    tokens: row.tokens,
    createdAt: row.created_at,
    ban: row.banned_at === null ? null : { at: row.banned_at, reason: row.ban_reason ?? '' },
  }
}

export function tokenOf({ id, account, label, created_at, expires_at }: TokenRow): Token {
  return { id, account, label, createdAt: created_at, expiresAt: expires_at }
}

export function auditRecordOf(row: AuditRow): AuditRecord {
  const details = parse(row.details)
  if (!isObject(details)) throw damaged('audit', String(row.id), 'details')
  return { ...row, details }
}

export function namesOf({ name, names }: Pick<AccountRow, 'name' | 'names'>): string[] {
  const list = parse(names)
  if (Array.isArray(list) && list.every((each) => typeof each === 'string')) return list
  throw damaged('account', name, 'names')
}

export function limitsOf({ name, limits }: Pick<AccountRow, 'name' | 'limits'>): Limits {
  const given = parse(limits)
  if (!isObject(given)) throw damaged('account', name, 'limits')
  const { tunnels } = given
  if (tunnels === undefined) return {}
  if (typeof tunnels === 'number') return { tunnels }
  throw damaged('account', name, 'limits')
}

export function roleOf({ name, role }: Pick<AccountRow, 'name' | 'role'>): Role {
  if (role === 'user' || role === 'admin') return role
  throw damaged('account', name, 'role')
}

/** Infinity for what does not expire. */
export function expiryOf({ id, expires_at }: KeyRow): number {
  if (expires_at === null) return Number.POSITIVE_INFINITY
  if (typeof expires_at === 'number') return expires_at
  throw damaged('token', id, 'expires_at')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `row` is an id or a name, and no secret. */
function damaged(table: string, row: string, column: string): TunnelError {
  return new TunnelError('TUN_ERR_DATA', `the store is damaged: ${column} of ${table} ${row} can't be read`)
}
