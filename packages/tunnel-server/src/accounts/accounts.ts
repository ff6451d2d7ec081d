import { nanoid } from 'nanoid'
import { TunnelError } from 'tunnel-protocol'
import type { Database, Sql } from '../store/database.js'
import {
  type Account,
  type AccountFields,
  type Actor,
  type AuditRecord,
  checkAccountName,
  checkLifetime,
  checkLine,
  checkTunnels,
  type Limits,
  type Token,
  type TokenFields,
} from './account.js'
import { type AuditBounds, isOverfull, prune, recent, record } from './audit.js'
import { shown } from './field-error.js'
import { checkPatterns } from './patterns.js'
import { Roster, type RosterAccount, type RosterToken } from './roster.js'
import {
  type AccountRow,
  accountOf,
  expiryOf,
  type KeyRow,
  limitsOf,
  namesOf,
  roleOf,
  type TokenRow,
  tokenOf,
} from './rows.js'
import { newToken } from './token-text.js'

const ACCOUNTS =
  'SELECT id, name, role, names, limits, created_at, banned_at, ban_reason, (SELECT count(*) FROM tokens WHERE account = accounts.id) AS tokens FROM accounts'
const TOKENS =
  'SELECT tokens.id AS id, accounts.name AS account, label, tokens.created_at AS created_at, expires_at FROM tokens JOIN accounts ON accounts.id = tokens.account'

export interface AccountsOptions {
  /** What is kept of the audit when it is written; without it, everything. */
  audit?: AuditBounds
  /** Default Date.now; tests pass their own. */
  now?: () => number
}

/**
 * The accounts and tokens in the store: all that is read or written of them. Each change is one transaction, with what the audit says of it. All throw
 * TUN_ERR_DATA; those that take the name of an account TUN_ERR_NO_ACCOUNT; those that take values FieldError.
 */
export class Accounts {
  audit: AuditBounds | undefined
  readonly #database: Database
  readonly #now: () => number

  constructor(database: Database, { audit, now = Date.now }: AccountsOptions = {}) {
    this.#database = database
    this.audit = audit
    this.#now = now
  }

  /** By name. */
  list(): Account[] {
    return this.#database.read((sql) => sql.all<AccountRow>(`${ACCOUNTS} ORDER BY name`).map(accountOf))
  }

  show(name: string): Account {
    return this.#database.read((sql) => accountOf(find(sql, name)))
  }

  /** Throws TUN_ERR_ACCOUNT_EXISTS. */
  add(given: string, fields: AccountFields, actor: Actor): Account {
    const name = checkAccountName(given)
    const { role = 'user', names, limits } = checked(fields)
    return this.#write((sql, now) => {
      if (sql.all('SELECT id FROM accounts WHERE name = ?', name).length > 0) {
        throw new TunnelError('TUN_ERR_ACCOUNT_EXISTS', `there is an account "${name}" already`)
      }
      const text = 'INSERT INTO accounts (id, name, role, names, limits, created_at) VALUES (?, ?, ?, ?, ?, ?)'
      sql.run(text, nanoid(), name, role, JSON.stringify(names ?? []), JSON.stringify(merged({}, limits)), now)
      record(sql, now, actor, 'account.add', name, { role, ...fields })
      return accountOf(find(sql, name))
    })
  }

  /** Change what `fields` has, and nothing else. */
  set(name: string, fields: AccountFields, actor: Actor): Account {
    const { role, names, limits } = checked(fields)
    return this.#write((sql, now) => {
      const row = find(sql, name)
      sql.run(
        'UPDATE accounts SET role = ?, names = ?, limits = ? WHERE id = ?',
        role ?? row.role,
        names === undefined ? row.names : JSON.stringify(names),
        JSON.stringify(merged(limitsOf(row), limits)),
        row.id,
      )
      record(sql, now, actor, 'account.set', row.name, { ...fields })
      return accountOf(find(sql, name))
    })
  }

  /** With all its tokens. */
  remove(name: string, actor: Actor): void {
    this.#write((sql, now) => {
      const row = find(sql, name)
      sql.run('DELETE FROM accounts WHERE id = ?', row.id)
      record(sql, now, actor, 'account.remove', row.name, { tokens: row.tokens })
    })
  }

  /** Its tokens open nothing until unban(); who shows one is told why. */
  ban(name: string, reason: string, actor: Actor): Account {
    checkLine('reason', reason)
    return this.#write((sql, now) => {
      const row = find(sql, name)
      sql.run('UPDATE accounts SET banned_at = ?, ban_reason = ? WHERE id = ?', now, reason, row.id)
      record(sql, now, actor, 'account.ban', row.name, { reason })
      return accountOf(find(sql, name))
    })
  }

  unban(name: string, actor: Actor): Account {
    return this.#write((sql, now) => {
      const row = find(sql, name)
      sql.run('UPDATE accounts SET banned_at = NULL, ban_reason = NULL WHERE id = ?', row.id)
      record(sql, now, actor, 'account.unban', row.name)
      return accountOf(find(sql, name))
    })
  }

  /** Of one account, or of all. */
  tokens(name?: string): Token[] {
    return this.#database.read((sql) => {
      if (name === undefined)
        return sql.all<TokenRow>(`${TOKENS} ORDER BY accounts.name, tokens.created_at`).map(tokenOf)
      const { id } = find(sql, name)
      return sql.all<TokenRow>(`${TOKENS} WHERE tokens.account = ? ORDER BY tokens.created_at`, id).map(tokenOf)
    })
  }

  /** `text` opens the door, and can't be had again. */
  createToken(name: string, fields: TokenFields, actor: Actor): { token: Token; text: string } {
    const label = checkLine('label', fields.label ?? '')
    const { expiresInMs } = fields
    if (expiresInMs !== undefined) checkLifetime(expiresInMs)
    const { id, text, digest } = newToken()
    return this.#write((sql, now) => {
      const account = find(sql, name)
      const expiresAt = expiresInMs === undefined ? null : now + expiresInMs
      sql.run(
        'INSERT INTO tokens (id, account, digest, label, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
        ...[id, account.id, digest.toString('hex'), label, now, expiresAt],
      )
      record(sql, now, actor, 'token.create', account.name, { token: id, label, expiresAt })
      return { token: { id, account: account.name, label, createdAt: now, expiresAt }, text }
    })
  }

  /** Throws TUN_ERR_NO_ACCOUNT for an id that there is not. */
  revoke(id: string, actor: Actor): Token {
    return this.#write((sql, now) => {
      const [row] = sql.all<TokenRow>(`${TOKENS} WHERE tokens.id = ?`, id)
      if (row === undefined) throw new TunnelError('TUN_ERR_NO_ACCOUNT', 'there is no token with this id')
      sql.run('DELETE FROM tokens WHERE id = ?', id)
      record(sql, now, actor, 'token.revoke', row.account, { token: id, label: row.label })
      return tokenOf(row)
    })
  }

  /** What was done, newest first: at most `limit`, in front of the record `before`. */
  history(limit: number, before?: number): AuditRecord[] {
    return this.#database.read((sql) => recent(sql, limit, before))
  }

  /** All that decides who may come in. */
  roster(): Roster {
    return this.#database.read((sql) => {
      const accounts = new Map<string, RosterAccount>()
      const query = 'SELECT id, name, role, names, limits, banned_at, ban_reason FROM accounts'
      for (const row of sql.all<Omit<AccountRow, 'created_at' | 'tokens'>>(query)) {
        accounts.set(row.id, {
          key: `account ${row.id}`,
          name: row.name,
          role: roleOf(row),
          names: namesOf(row),
          limits: limitsOf(row),
          ban: row.banned_at === null ? undefined : (row.ban_reason ?? ''),
        })
      }
      const tokens = sql
        .all<KeyRow>('SELECT id, account, digest, expires_at FROM tokens')
        .flatMap((row): RosterToken[] => {
          const account = accounts.get(row.account)
          if (account === undefined) return []
          return [{ id: row.id, digest: Buffer.from(row.digest, 'hex'), account, expiresAt: expiryOf(row) }]
        })
      return new Roster([...accounts.values()], tokens)
    })
  }

  /** Take away what the audit has too much of. */
  prune(): void {
    const { audit } = this
    if (audit === undefined || !this.#database.read((sql) => isOverfull(sql, this.#now(), audit))) return
    this.#write(() => {})
  }

  #write<T>(work: (sql: Sql, now: number) => T): T {
    return this.#database.write((sql) => {
      const now = this.#now()
      const result = work(sql, now)
      if (this.audit !== undefined) prune(sql, now, this.audit)
      return result
    })
  }
}

function find(sql: Sql, name: string): AccountRow {
  const [row] = sql.all<AccountRow>(`${ACCOUNTS} WHERE name = ?`, name.toLowerCase())
  if (row !== undefined) return row
  throw new TunnelError('TUN_ERR_NO_ACCOUNT', `there is no account ${shown(name)}`)
}

function checked({ role, names, limits }: AccountFields) {
  const tunnels = limits?.tunnels
  if (typeof tunnels === 'number') checkTunnels(tunnels)
  return { role, names: names && checkPatterns(names), limits }
}

/** A limit that is set to null is taken away. */
function merged({ tunnels }: Limits, given: AccountFields['limits']): Limits {
  const fresh = given?.tunnels === undefined ? tunnels : (given.tunnels ?? undefined)
  return fresh === undefined ? {} : { tunnels: fresh }
}
