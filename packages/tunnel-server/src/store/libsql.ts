import { createRequire } from 'node:module'
import { TunnelError } from 'tunnel-protocol'

/** What can be bound. Nothing else may be: the native part ends the process when it is given true or false. */
export type SqlValue = string | number | null

/** What we use of libsql. Its other calls have faults that these have not: docs/decisions/021. */
export interface Connection {
  /** For what gives no rows, and for pragmas whose rows nobody reads. */
  exec(text: string): void
  prepare(text: string): Statement
  close(): void
}

export interface Statement {
  /** For what gives no rows. */
  run(values: SqlValue[]): { changes: number }
  /** The rows. Not for text, unless it is sure to be UTF-8: see Query. */
  all(values: SqlValue[]): unknown[]
  columns(): Array<{ name: string }>
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A query whose rows come as JSON in one blob, and are read here: the native part ends the process when it meets text that is no UTF-8, as there may be in a damaged file.
 * Each column needs a name of its own; they hold text, numbers and null.
 */
export class Query {
  readonly #names: string[]
  readonly #statement: Statement

  /** Throws SqliteError. */
  constructor(connection: Connection, text: string) {
    this.#names = connection
      .prepare(text)
      .columns()
      .map(({ name }) => name)
    const fields = this.#names.map((name) => `"${name}"`).join(', ')
    this.#statement = connection.prepare(
      `SELECT CAST(json_group_array(json_array(${fields})) AS BLOB) AS rows FROM (${text})`,
    )
  }

  /** Throws SqliteError, also where a row can't be read. */
  all(values: SqlValue[]): Array<Record<string, unknown>> {
    const [found] = this.#statement.all(values) as [{ rows: ArrayBuffer }]
    return parse(found.rows).map((fields) => {
      const row: Record<string, unknown> = {}
      for (let i = 0; i < fields.length; i++) row[this.#names[i]!] = fields[i]
      return row
    })
  }
}

function parse(rows: ArrayBuffer): unknown[][] {
  try {
    return JSON.parse(utf8.decode(rows)) as unknown[][]
  } catch {
    throw corrupt('text that is none')
  }
}

/** As SQLite would refuse a damaged file. */
export function corrupt(what: string): SqliteError {
  return Object.assign(new Error(what), { code: 'SQLITE_CORRUPT' })
}

/** What SQLite refuses with: `SQLITE_BUSY` and the like, or `UNKNOWN_SQLITE_ERROR_8458` for those without a name. */
export interface SqliteError extends Error {
  code: string
}

type Libsql = new (path: string, options: { timeout: number }) => Connection

let libsql: Libsql | undefined

/** Open a file, which has to be there. `busyMs`: how long to wait for the lock of another process. Throws SqliteError, or TUN_ERR_DATA. */
export function connect(path: string, busyMs: number): Connection {
  libsql ??= load()
  return new libsql(path, { timeout: busyMs })
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'code' in error && /^(UNKNOWN_)?SQLITE_/.test(String(error.code))
}

/** Loaded when first needed: neither --help nor workers want it. */
function load(): Libsql {
  try {
    return createRequire(import.meta.url)('libsql') as Libsql
  } catch (error) {
    const { message } = error as Error
    throw new TunnelError(
      'TUN_ERR_DATA',
      `SQLite can't be loaded on ${process.platform} ${process.arch} (${message.split('\n', 1)[0]}): ` +
        'install again, with optional dependencies',
    )
  }
}
