import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { dataError, RESTORE } from './data-error.js'
import { connect } from './libsql.js'

/** Marks the file as ours: "tunl". */
const APPLICATION_ID = 0x74_75_6e_6c
const MAGIC = 'SQLite format 3\0'
const HEADER_BYTES = 100
const CREATING_BUSY_MS = 1_000

/**
 * Is the file ours, whole as far as can be seen without opening it, and can it be written? Opening would write beside it. `versions`: the newest
 * one that we know. Throws TUN_ERR_DATA.
 */
export function checkFile(path: string, versions: number): void {
  const { header, size } = headOf(path)
  const what = checkHeader(header, size, versions)
  if (what !== undefined) throw dataError(path, ...what)
  try {
    accessSync(dirname(path), constants.R_OK | constants.W_OK | constants.X_OK)
    // Asked and not tried: closing a file gives up all locks on it that this process has.
    for (const file of [path, `${path}-wal`, `${path}-shm`]) {
      if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK)
    }
  } catch (error) {
    throw cannot('written', path, error)
  }
}

/** What speaks against a file of so many bytes that begins with these, and what to do; undefined where nothing does. */
export function checkHeader(
  header: Buffer,
  size: number,
  versions: number,
): [what: string, remedy: string] | undefined {
  if (header.length === 0) return ['it is empty', RESTORE]
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC) {
    return ['it is damaged, or was never a database', RESTORE]
  }
  if (header.readUInt32BE(68) !== APPLICATION_ID) {
    return ['it is a database of another program', 'move it away, or choose another folder with --data-dir']
  }
  // SQLite itself takes a last page that is cut off for one that ends in zeros. 1 stands for 65,536.
  const pageSize = header.readUInt16BE(16)
  if (size % (pageSize === 1 ? 65_536 : pageSize) !== 0) return ['it is damaged: it was cut off', RESTORE]
  return checkVersion(header.readUInt32BE(60), versions)
}

/** As checkHeader, of the version alone. */
export function checkVersion(version: number, versions: number): [what: string, remedy: string] | undefined {
  if (version <= versions) return undefined
  return [
    `it is of a newer tunnel-server (version ${version}, this one knows those up to ${versions})`,
    'use that one, or a backup from before',
  ]
}

/** Make the file, unless another process is faster. It is there as a whole or not at all. Throws TUN_ERR_DATA. */
export function createFile(path: string): void {
  // Looked for first: a server that is making the file right now makes the file before its log.
  const hasLog = existsSync(`${path}-wal`)
  if (existsSync(path)) return
  if (hasLog) throw dataError(path, 'it is missing, but its log (-wal) is there', `put it back, or ${RESTORE}`)
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    closeSync(openSync(temporary, 'wx', 0o600))
    const connection = connect(temporary, CREATING_BUSY_MS)
    connection.exec(`PRAGMA journal_mode = MEMORY; PRAGMA application_id = ${APPLICATION_ID}`)
    connection.close()
    sync(temporary)
    linkSync(temporary, path)
    sync(dirname(path))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw cannot('made', path, error)
  } finally {
    rmSync(temporary, { force: true })
  }
}

/** Only now what was written is sure to outlive a power cut; of a folder, the names in it. */
export function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function headOf(path: string): { header: Buffer; size: number } {
  const bytes = Buffer.alloc(HEADER_BYTES)
  try {
    const stats = statSync(path)
    if (!stats.isFile()) throw dataError(path, 'it is no file', 'move it away')
    const file = openSync(path, 'r')
    try {
      return { header: bytes.subarray(0, readSync(file, bytes, 0, HEADER_BYTES, 0)), size: stats.size }
    } finally {
      closeSync(file)
    }
  } catch (error) {
    throw cannot('read', path, error)
  }
}

function cannot(what: string, path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException
  if (code?.startsWith('TUN_ERR_')) return error as Error
  return dataError(
    path,
    `it can't be ${what} (${code ?? message})`,
    'the file and its folder have to belong to the user that runs this',
    error,
  )
}
