import type { Sql } from '../store/database.js'
import type { Actor, AuditRecord } from './account.js'
import { type AuditRow, auditRecordOf } from './rows.js'

const DAY_MS = 24 * 3_600_000

/** How much of the audit is kept: what is older goes, and what is beyond so many records. */
export interface AuditBounds {
  days: number
  rows: number
}

/** Write down what was done, in the transaction that does it. */
export function record(
  sql: Sql,
  now: number,
  { name, via, address }: Actor,
  action: string,
  subject: string,
  details: Record<string, unknown> = {},
): void {
  sql.run(
    'INSERT INTO audit (at, actor, via, address, action, subject, details) VALUES (?, ?, ?, ?, ?, ?, ?)',
    now,
    name,
    via,
    address ?? null,
    action,
    subject,
    JSON.stringify(details),
  )
}

/** The newest `limit` records, or those in front of the one with the id `before`; newest first. */
export function recent(sql: Sql, limit: number, before = Number.MAX_SAFE_INTEGER): AuditRecord[] {
  return sql
    .all<AuditRow>(
      'SELECT id, at, actor, via, address, action, subject, details FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?',
      before,
      limit,
    )
    .map(auditRecordOf)
}

/** Is there anything that prune() would take away? */
export function isOverfull(sql: Sql, now: number, bounds: AuditBounds): boolean {
  const query = 'SELECT id FROM audit WHERE at < ? OR id <= (SELECT max(id) FROM audit) - ? LIMIT 1'
  return sql.all(query, now - bounds.days * DAY_MS, bounds.rows).length > 0
}

export function prune(sql: Sql, now: number, bounds: AuditBounds): void {
  const text = 'DELETE FROM audit WHERE at < ? OR id <= (SELECT max(id) FROM audit) - ?'
  sql.run(text, now - bounds.days * DAY_MS, bounds.rows)
}
