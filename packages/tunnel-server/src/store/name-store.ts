import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Logger, TunnelError } from 'tunnel-protocol'
import type { NameRecord } from '../registry/holding.js'
import { namesFile, parseNamesFile } from './names-file.js'

const FILE = 'names.json'
/** What changes within this time is one write, in milliseconds; where writing takes longer, so long, but not beyond MAX_GATHER_MS. */
const GATHER_MS = 5
const MAX_GATHER_MS = 500
/** How soon a write that failed is tried again, in milliseconds. */
const RETRY_MS = 5_000
/** Nobody waits longer for a disk that is slow or stuck, in milliseconds. */
const PATIENCE_MS = 2_000
/** A file that a write has left unfinished is nobody's any more after so many milliseconds. */
const ABANDONED_MS = 60_000

/** The names of an earlier process. Throws TUN_ERR_OPTION for a file that can't be read or understood. */
export function readNames(folder: string): NameRecord[] {
  const path = join(folder, FILE)
  try {
    removeAbandoned(folder)
    return parseNamesFile(readFileSync(path, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return []
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `--data-dir: ${path} can't be read: ${code ?? message}. Put it back from a backup; ` +
        'or remove it: agents get their names back by their claims, but others may be faster to ask for them',
    )
  }
}

/** Keeps what `records` gives in a file, which is whole and of some moment whenever the process may end. */
export class NameStore {
  readonly #folder: string
  readonly #records: () => Iterable<NameRecord>
  readonly #logger: Logger
  /** Whom to tell when what there is now has been written. */
  #waiting: Array<() => void> = []
  #isDirty = false
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  /** How long the last write took, in milliseconds. */
  #lastMs = 0
  #isFailing = false
  #isClosed = false

  constructor(folder: string, records: () => Iterable<NameRecord>, logger: Logger) {
    this.#folder = folder
    this.#records = records
    this.#logger = logger
  }

  /** What `records` gives is not what was written. */
  changed(): void {
    if (this.#isClosed || this.#isDirty) return
    this.#isDirty = true
    this.#schedule()
  }

  /** Call `then` once what there is now has been written, or can't be for the time being. */
  whenSaved(then: () => void): void {
    if (this.#isClosed || this.#isFailing) {
      then()
      return
    }
    this.#waiting.push(then)
    this.changed()
  }

  /** Write a last time, and nothing more from then on: the files may be another server's. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#writing
    if (this.#isDirty) await this.#write()
  }

  #schedule(): void {
    if (this.#writing !== undefined || this.#isClosed) return // comes back here
    const ms = this.#isFailing ? RETRY_MS : Math.min(Math.max(GATHER_MS, this.#lastMs), MAX_GATHER_MS)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#writing = this.#write().finally(() => {
        this.#writing = undefined
        if (this.#isDirty) this.#schedule()
      })
    }, ms)
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const told = this.#waiting.splice(0)
    const patience = setTimeout(() => {
      this.#fails('it takes too long')
      tell(told)
    }, PATIENCE_MS)
    const startedAt = performance.now()
    this.#isDirty = false
    try {
      await this.#replaceFile()
      if (this.#isFailing) this.#logger.info({}, 'names can be written again')
      this.#isFailing = false
    } catch (error) {
      this.#isDirty = true
      this.#fails((error as NodeJS.ErrnoException).code ?? String(error))
    }
    this.#lastMs = performance.now() - startedAt
    clearTimeout(patience)
    tell(told)
  }

  /** Nobody is kept waiting until it works again. */
  #fails(reason: string): void {
    if (!this.#isFailing) {
      const fields = { folder: this.#folder, reason }
      this.#logger.error(fields, 'names can not be written, and would be lost with this process; trying on')
    }
    this.#isFailing = true
    tell(this.#waiting)
  }

  async #replaceFile(): Promise<void> {
    const path = join(this.#folder, FILE)
    const temporary = `${path}.${randomBytes(6).toString('hex')}`
    try {
      const file = await open(temporary, 'wx', 0o600)
      try {
        for (const piece of namesFile(this.#records())) {
          await file.write(piece)
          await nextTurn()
        }
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => {})
      throw error
    }
    const folder = await open(this.#folder, 'r')
    await folder.sync().finally(() => folder.close())
  }
}

/** What servers that were killed in the middle of a write have left. */
function removeAbandoned(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${FILE}.`)) continue
    const path = join(folder, name)
    // It may be gone by now: another server is done with it.
    const written = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - written > ABANDONED_MS) rmSync(path, { force: true })
  }
}

function tell(waiting: Array<() => void>): void {
  for (const then of waiting.splice(0)) then()
}
