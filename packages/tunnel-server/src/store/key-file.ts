import { randomBytes } from 'node:crypto'
import { closeSync, fsyncSync, linkSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { TunnelError } from 'tunnel-protocol'
import { CLAIM_KEY_BYTES } from '../registry/claims.js'

const FILE = 'claims.key'

/**
 * The key that claims are signed with: that of an earlier process, or a new one. Servers that start at once agree on one. Throws
 * TUN_ERR_OPTION for a file that can't be used; it is never overwritten, since claims that were given would be void.
 */
export function claimKey(folder: string): Buffer {
  const path = join(folder, FILE)
  try {
    return readKey(path) ?? makeKey(folder, path)
  } catch (error) {
    if (error instanceof TunnelError) throw error
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `--data-dir: ${path} can't be used (${(error as NodeJS.ErrnoException).code})`,
    )
  }
}

function readKey(path: string): Buffer | undefined {
  let key: Buffer
  try {
    key = readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  if (key.length === CLAIM_KEY_BYTES) return key
  throw new TunnelError(
    'TUN_ERR_OPTION',
    `--data-dir: ${path} is damaged: it has ${key.length} bytes and not ${CLAIM_KEY_BYTES}. ` +
      'Put it back from a backup; or remove it, which makes all claims void that were given',
  )
}

/** A link to a file that is complete: either it is the first, or another server's is there. */
function makeKey(folder: string, path: string): Buffer {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = openSync(temporary, 'wx', 0o600)
  try {
    writeSync(file, randomBytes(CLAIM_KEY_BYTES))
    fsyncSync(file)
    linkSync(temporary, path)
    syncFolder(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    closeSync(file)
    unlinkSync(temporary)
  }
  return readKey(path)!
}

/** Only now the name is sure to outlive a power cut. */
function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
