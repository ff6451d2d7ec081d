import { closeSync, openSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { TunnelError } from 'tunnel-protocol'
import { dataError, RESTORE } from './data-error.js'
import { checkFile, checkVersion, createFile, sync } from './database-file.js'
import { type Connection, connect, corrupt, isSqliteError, Query, type SqlValue, type Statement } from './libsql.js'
import { migrations } from './migrations.js'

export const DATABASE_FILE = 'tunnel.db'
/** How often is looked whether another process has written, in milliseconds. */
const POLL_MS = 250
/** In a server, which has visitors meanwhile, in milliseconds. */
const BUSY_MS = 2_000
/** Between two attempts to be alone with a file for a moment, in milliseconds. */
const RETRY_MS = 20

/** Inside a transaction. Texts are constants: each is prepared once. Throws SqliteError. */
export interface Sql {
  /** Rows with text, numbers and null. Each column needs a name. */
  all<Row>(text: string, ...values: SqlValue[]): Row[]
  /** Returns how many rows it has changed. */
  run(text: string, ...values: SqlValue[]): number
}

/**
 * The embedded store: one SQLite file that several processes have open at once. Whatever write() has returned from outlives a crash of the process and of the
 * machine. All calls are synchronous, and none is on the path of a visitor's request.
 */
export class Database {
  readonly path: string
  #connection: Connection | undefined
  /** Statements and queries of the connection, by their texts. */
  readonly #statements = new Map<string, Statement>()
  readonly #queries = new Map<string, Query>()
  /** What SQLite called the state after the last commit that listeners know of. */
  #seen: number | undefined
  readonly #listeners = new Set<() => void>()
  #onError: (error: TunnelError) => void = () => {}
  #poll: NodeJS.Timeout | undefined
  readonly #sql: Sql = {
    all: <Row>(text: string, ...values: SqlValue[]) => this.#query(text).all(values) as Row[],
    run: (text, ...values) => this.#prepared(text).run(values).changes,
  }

  readonly #busyMs: number

  private constructor(path: string, busyMs: number) {
    this.path = path
    this.#busyMs = busyMs
  }

  /**
   * Open the store in `folder`, and bring it to our version. It is made where there is none, unless `create` is false. `busyMs`: how long a lock of another process is waited
   * for, while nothing else is done. Throws TUN_ERR_DATA for a store that is damaged, of another program, of a newer version, or that can't be written; it is left as it is then.
   */
  static open(folder: string, { create = true, busyMs = BUSY_MS } = {}): Database {
    const path = join(resolve(folder), DATABASE_FILE)
    if (create) createFile(path)
    checkFile(path, migrations.length)
    const database = new Database(path, busyMs)
    database.#prepare()
    return database
  }

  /** All that `work` reads is of one moment. Throws TUN_ERR_DATA, and what `work` throws. */
  read<T>(work: (sql: Sql) => T): T {
    return this.#transact('BEGIN', work)
  }

  /** All that `work` writes is written, or nothing. Throws TUN_ERR_DATA, and what `work` throws. */
  write<T>(work: (sql: Sql) => T): T {
    const result = this.#transact('BEGIN IMMEDIATE', work)
    this.#tell()
    return result
  }

  /** Call `listener` after each write, ours or that of another process. `onError` hears why that can't be seen, while it can't. */
  watch(listener: () => void, onError: (error: TunnelError) => void): void {
    this.#listeners.add(listener)
    this.#onError = onError
    this.#poll ??= setInterval(() => this.look(), POLL_MS).unref()
  }

  /** Look now whether another process has written, as is done every quarter of a second; listeners know when this returns. Takes some microseconds where none has. */
  look(): void {
    try {
      const version = this.#version
      if (version === this.#seen) return
      this.#seen = version
    } catch (error) {
      this.#disconnect()
      this.#onError(TunnelError.from(this.#explained(error)))
      return
    }
    this.#tell()
  }

  /** Write a copy of what there is now to `to`, where no file may be. Others may write meanwhile. Throws TUN_ERR_OPTION, TUN_ERR_DATA. */
  backup(to: string): void {
    const path = resolve(to)
    try {
      closeSync(openSync(path, 'wx', 0o600))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      const why = code === 'EEXIST' ? 'it is there already' : `it can't be written (${code})`
      throw new TunnelError('TUN_ERR_OPTION', `backup to ${path}: ${why}`)
    }
    try {
      this.#connected().exec(`VACUUM INTO '${path.replaceAll("'", "''")}'`)
      const copy = connect(path, this.#busyMs)
      check(copy)
      copy.close()
      sync(path)
      sync(dirname(path))
    } catch (error) {
      rmSync(path, { force: true })
      throw this.#explained(error)
    }
  }

  close(): void {
    clearInterval(this.#poll)
    this.#listeners.clear()
    this.#disconnect()
  }

  /** Check the file, and bring it to our version. Two processes that do this at once may be in each other's way for a moment. */
  #prepare(): void {
    const until = Date.now() + this.#busyMs
    while (true) {
      try {
        const connection = this.#connected()
        check(connection)
        this.#migrate(connection)
        this.#seen = this.#version
        return
      } catch (error) {
        this.#disconnect()
        if (!isBusy(error) || Date.now() > until) throw this.#explained(error)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
      }
    }
  }

  #migrate(connection: Connection): void {
    const version = () => pragma<number>(connection, 'user_version')
    const wrong = checkVersion(version(), migrations.length)
    if (wrong !== undefined) throw dataError(this.path, ...wrong)
    if (pragma<string>(connection, 'journal_mode') !== 'wal') connection.prepare('PRAGMA journal_mode = WAL').all([])
    // Also where there is nothing to do: what can't be written is found out now.
    connection.exec('BEGIN IMMEDIATE')
    const missing = migrations.slice(version())
    for (const text of missing) connection.exec(text)
    if (missing.length > 0) connection.exec(`PRAGMA user_version = ${migrations.length}`)
    connection.exec('COMMIT')
    // The version is read from the file itself by those who don't know it.
    if (missing.length > 0) connection.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all([])
  }

  #transact<T>(begin: string, work: (sql: Sql) => T): T {
    try {
      this.#connected().exec(begin)
      const result = work(this.#sql)
      this.#connected().exec('COMMIT')
      return result
    } catch (error) {
      this.#rollBack(error)
      throw this.#explained(error)
    }
  }

  /** A connection on which something was busy can't commit any more, and is given up. */
  #rollBack(error: unknown): void {
    try {
      this.#connection?.exec('ROLLBACK')
      if (isBusy(error)) this.#disconnect()
    } catch {
      this.#disconnect()
    }
  }

  #connected(): Connection {
    if (this.#connection !== undefined) return this.#connection
    const connection = connect(this.path, this.#busyMs)
    // Temporary files have nowhere to be where everything else is read-only.
    connection.exec('PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY')
    this.#connection = connection
    return connection
  }

  #disconnect(): void {
    this.#statements.clear()
    this.#queries.clear()
    this.#connection?.close()
    this.#connection = undefined
    this.#seen = undefined
  }

  #prepared(text: string): Statement {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#connected().prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  #query(text: string): Query {
    let query = this.#queries.get(text)
    if (query === undefined) {
      query = new Query(this.#connected(), text)
      this.#queries.set(text, query)
    }
    return query
  }

  /** Changes with each commit of another connection. */
  get #version(): number {
    return (this.#prepared('PRAGMA data_version').all([]) as Array<{ data_version: number }>)[0]!.data_version
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }

  #explained(error: unknown): unknown {
    if (error instanceof TunnelError || !isFailure(error)) return error
    const code = isSqliteError(error) ? error.code : ''
    const [what, remedy] = failureOf(code)
    return dataError(this.path, `${what} (${code || error.message})`, remedy, error)
  }
}

/** Reads all pages, and what tables there are. Throws SqliteError. */
function check(connection: Connection): void {
  const [found] = new Query(connection, 'SELECT quick_check AS found FROM pragma_quick_check(1)').all([])
  if (found?.found !== 'ok') throw corrupt(String(found?.found))
  new Query(connection, 'SELECT name, sql FROM sqlite_schema').all([])
}

function pragma<T>(connection: Connection, name: string): T {
  const [row] = connection.prepare(`PRAGMA ${name}`).all([]) as Array<Record<string, T>>
  return row![name]!
}

function isBusy(error: unknown): boolean {
  return isSqliteError(error) && error.code.startsWith('SQLITE_BUSY')
}

/** A failure of the disk or the file, and not a mistake of ours. */
function isFailure(error: unknown): error is Error {
  if (isSqliteError(error)) return !/^SQLITE_(CONSTRAINT|MISUSE|MISMATCH|RANGE)/.test(error.code)
  // What can't be opened has a text in place of a code.
  return error instanceof Error && /^ConnectionFailed/.test(error.message)
}

function failureOf(code: string): [what: string, remedy: string] {
  if (code.startsWith('SQLITE_BUSY')) return ['another process keeps it locked', 'try again']
  if (code.startsWith('SQLITE_FULL')) return ['the disk is full', 'make room']
  if (code.startsWith('SQLITE_READONLY')) {
    return ["it can't be written", 'the file and its folder have to belong to the user that runs this']
  }
  if (/^SQLITE_(CORRUPT|NOTADB|ERROR)/.test(code)) return ['it is damaged', RESTORE]
  return ['the disk fails, or the file is not what it was', 'look after the disk']
}
