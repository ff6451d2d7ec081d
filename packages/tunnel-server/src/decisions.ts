import { hkdfSync, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, TunnelError } from 'tunnel-protocol'
import { AccountSessions } from './accounts/sessions.js'
import { LocalAuthority } from './control/authority.js'
import type { ServerOptions } from './options.js'
import { CLAIM_KEY_BYTES, Claims } from './registry/claims.js'
import { Holdings, type HoldingsOptions } from './registry/holdings.js'
import { dataFolder } from './store/data-folder.js'
import { claimKey } from './store/key-file.js'
import { NameStore, readNames } from './store/name-store.js'

/** How often names are looked for whose lease has ended. */
const SWEEP_MS = 1_000
/** Time for what is known to be written before a shutdown goes on. */
const LAST_WRITE_MS = 2_000

/** Names and accounts of the whole server, and what is kept of them. */
export interface Decisions {
  readonly authority: LocalAuthority
  /** Signs what visitors are let in by (see GateSettings). */
  readonly passKey: Buffer
  apply(options: ServerOptions): void
  /** Write a last time: from then on the files are a successor's. A disk that is stuck does not keep us. */
  close(): Promise<void>
}

/** Throws TUN_ERR_OPTION. */
export function createDecisions(
  options: ServerOptions,
  logger: Logger,
  events: Pick<HoldingsOptions, 'onGiven' | 'onFree' | 'onRules' | 'onSeats'>,
): Decisions {
  const sessions = new AccountSessions(options.maxSessionsPerAccount)
  const folder = usableFolder(options.dataDir, logger)
  const key = folder === undefined ? randomBytes(CLAIM_KEY_BYTES) : claimKey(folder)
  const holdings: Holdings = new Holdings({
    ...events,
    leaseMs: options.leaseMs,
    maxTunnelsPerAccount: options.maxTunnelsPerAccount,
    claims: new Claims(key),
    ...(folder === undefined ? {} : { names: readNames(folder) }),
    onChange: () => names?.changed(),
  })
  const names = folder === undefined ? undefined : new NameStore(folder, () => holdings.records(), logger)
  const sweep = setInterval(() => holdings.sweep(), SWEEP_MS).unref()
  const whenSaved = (then: () => void) => (names === undefined ? then() : names.whenSaved(then))
  return {
    authority: new LocalAuthority({ holdings, sessions, whenSaved }),
    passKey: Buffer.from(hkdfSync('sha256', key, '', 'passes', 32)),
    apply(fresh) {
      sessions.max = fresh.maxSessionsPerAccount
      holdings.leaseMs = fresh.leaseMs
      holdings.maxTunnelsPerAccount = fresh.maxTunnelsPerAccount
    },
    async close() {
      clearInterval(sweep)
      if (names !== undefined) await Promise.race([names.close(), sleep(LAST_WRITE_MS, undefined, { ref: false })])
    },
  }
}

/** Undefined where only the default can't be used: everything is kept in memory then. */
function usableFolder(given: string | undefined, logger: Logger): string | undefined {
  try {
    return dataFolder(given)
  } catch (error) {
    if (given) throw error
    const reason = TunnelError.from(error).detail
    logger.warn({ reason }, 'names and claims are kept in memory only, and are lost with this process; set --data-dir')
    return undefined
  }
}
