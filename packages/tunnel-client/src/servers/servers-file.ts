import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TunnelError } from 'tunnel-protocol'
import { formatServers, type KnownServers, parseServers } from './known-servers.js'

/** How long to wait for another process that is changing the file, in milliseconds. It needs a few. */
const LOCK_WAIT_MS = 10_000
const LOCK_RETRY_MS = 20
/** A file of ours is smaller. */
const MAX_BYTES = 1024 * 1024

/** `tunnel/servers.json` in the user's folder of settings: `%APPDATA%` on Windows, else `$XDG_CONFIG_HOME` or `~/.config`. */
export function serversPath(env = process.env, platform = process.platform): string {
  const given = platform === 'win32' ? env.APPDATA : env.XDG_CONFIG_HOME
  // A relative path there is to be ignored (XDG Base Directory Specification).
  return join(given && isAbsolute(given) ? given : join(homedir(), '.config'), 'tunnel', 'servers.json')
}

/**
 * The servers that the user has logged in to, with their tokens, in a file that nobody else may read. On Windows that is left to the folder, which belongs to the
 * user. Whatever is wrong with the file is TUN_ERR_OPTION, which says what to do; such a file is never written to.
 */
export class ServersFile {
  readonly path: string
  readonly #lockWaitMs: number

  constructor(path = serversPath(), lockWaitMs = LOCK_WAIT_MS) {
    this.path = path
    this.#lockWaitMs = lockWaitMs
  }

  /** None where there is no file. */
  read(): KnownServers {
    let file: number
    try {
      // A pipe in its place would let us wait for a writer.
      file = openSync(this.path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw this.#failure('cannot be read', error)
    }
    try {
      this.#check(fstatSync(file))
      return this.#parse(readFileSync(file, 'utf8'))
    } catch (error) {
      throw this.#failure('cannot be read', error)
    } finally {
      closeSync(file)
    }
  }

  /**
   * Replace what the file holds by what `change` makes of it. All or nothing: what is new goes to a file beside it, is on the disk before it takes its place, and until
   * then keeps other processes away.
   */
  async update(change: (servers: KnownServers) => KnownServers): Promise<KnownServers> {
    const lock = `${this.path}.lock`
    const file = await this.#create(lock)
    try {
      let servers: KnownServers
      try {
        this.#checkFolder()
        servers = change(this.read())
        writeFileSync(file, formatServers(servers))
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(lock, this.path)
      syncFolder(dirname(this.path))
      return servers
    } catch (error) {
      rmSync(lock, { force: true })
      throw this.#failure('cannot be written', error)
    }
  }

  /** The file that is to take the other one's place; only one process at a time has it. */
  async #create(path: string): Promise<number> {
    const ends = performance.now() + this.#lockWaitMs
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    } catch (error) {
      throw this.#failure('cannot be written', error)
    }
    while (true) {
      try {
        return openSync(path, 'wx', 0o600)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw this.#failure('cannot be written', error)
      }
      if (performance.now() > ends) {
        throw refusal(
          `another tunnel command is changing ${this.path}; if there is none, one was ended in the middle: remove ${path}`,
        )
      }
      await sleep(LOCK_RETRY_MS)
    }
  }

  #check(file: Stats): void {
    const { path } = this
    if (!file.isFile()) throw refusal(`${path} is not a file`)
    if (file.size > MAX_BYTES) throw refusal(`${path} is too large to be ours: look at it, and remove it`)
    const user = process.getuid?.()
    if (user === undefined) return
    if (file.uid !== user) {
      throw refusal(
        `${path} belongs to another user (uid ${file.uid}): set HOME or XDG_CONFIG_HOME to a folder of yours`,
      )
    }
    if ((file.mode & 0o077) !== 0) {
      throw refusal(`${path} holds tokens, and others may read it (mode ${octal(file)}): chmod 600 '${path}'`)
    }
    this.#checkFolder()
  }

  #checkFolder(): void {
    const path = dirname(this.path)
    const folder = statSync(path)
    if (process.getuid === undefined || (folder.mode & 0o022) === 0) return
    throw refusal(`others may put files into ${path} (mode ${octal(folder)}): chmod 700 '${path}'`)
  }

  #parse(text: string): KnownServers {
    try {
      return parseServers(text)
    } catch (error) {
      const { message } = error as Error
      throw refusal(`${this.path} cannot be used: ${message}. Repair it, or remove it and log in again`)
    }
  }

  #failure(what: string, error: unknown): TunnelError {
    if (error instanceof TunnelError) return error
    const { code, message } = error as NodeJS.ErrnoException
    return new TunnelError('TUN_ERR_OPTION', `${this.path} ${what} (${code ?? message})`, { cause: error })
  }
}

function refusal(detail: string): TunnelError {
  return new TunnelError('TUN_ERR_OPTION', detail)
}

function octal({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}

/** So that the new name of the file outlives a power cut. Not every system can; then there is nothing else to do. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r')
    fsyncSync(folder)
    closeSync(folder)
  } catch {
    // see above
  }
}
