import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Keeps the proof that we held a name, so that a new process of ours gets it back after a crash. */
export interface ClaimStore {
  get(server: string, name: string): string | undefined
  set(server: string, name: string, claim: string): void
}

/**
 * One small file per name in the user's state folder (XDG_STATE_HOME), readable by the user only. Whatever goes wrong with the
 * files is ignored: without a claim only a name whose last agent crashed has to be waited for.
 */
export class FileClaimStore implements ClaimStore {
  readonly #folder: string

  constructor(folder = join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'tunnel', 'claims')) {
    this.#folder = folder
  }

  get(server: string, name: string): string | undefined {
    try {
      const claim = readFileSync(this.#path(server, name), 'utf8').trim()
      return /^[\x21-\x7e]{1,512}$/.test(claim) ? claim : undefined
    } catch {
      return undefined
    }
  }

  set(server: string, name: string, claim: string): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      const path = this.#path(server, name)
      const temporary = `${path}.${process.pid}`
      writeFileSync(temporary, `${claim}\n`, { mode: 0o600 })
      renameSync(temporary, path)
    } catch {
      // see above
    }
  }

  #path(server: string, name: string): string {
    return join(this.#folder, createHash('sha256').update(`${server}\n${name}`).digest('hex').slice(0, 32))
  }
}
