import { TunnelError } from 'tunnel-protocol'

export const RESTORE = 'put a backup in its place, without the files beside it that end in -wal and -shm'

/** What the server keeps can't be used. `what` is said of `path`, `remedy` says what to do. */
export function dataError(path: string, what: string, remedy: string, cause?: unknown): TunnelError {
  return new TunnelError('TUN_ERR_DATA', `${path} can't be used: ${what}; ${remedy}`, { cause })
}
