import { hkdfSync, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, TunnelError } from 'tunnel-protocol'
import { Accounts } from './accounts/accounts.js'
import type { AuditBounds } from './accounts/audit.js'
import { Entrance, type EntranceSettings } from './accounts/entrance.js'
import { LocalAccounts } from './accounts/local-accounts.js'
import type { AccountService } from './accounts/service.js'
import { AccountSessions } from './accounts/sessions.js'
import { LocalAuthority } from './control/authority.js'
import type { ServerOptions } from './options.js'
import { CLAIM_KEY_BYTES, Claims } from './registry/claims.js'
import { Holdings, type HoldingsOptions } from './registry/holdings.js'
import type { Settings } from './settings.js'
import { dataFolder } from './store/data-folder.js'
import { Database } from './store/database.js'
import { claimKey } from './store/key-file.js'
import { NameStore, readNames } from './store/name-store.js'
import type { Access } from './tunnel-server.js'

/** How often is looked for what time has ended: leases of names, tokens. */
const SWEEP_MS = 1_000
/** Time for what is known to be written before a shutdown goes on. */
const LAST_WRITE_MS = 2_000

/** Names and accounts of the whole server, and what is kept of them. */
export interface Decisions {
  readonly authority: LocalAuthority
  readonly accounts: AccountService
  readonly access: Access
  /** Signs what visitors are let in by (see GateSettings). */
  readonly passKey: Buffer
  /** The settings have changed. */
  apply(): void
  /** Write the names a last time: from then on that file is a successor's. A disk that is stuck does not keep us. */
  close(): Promise<void>
  /** Nothing is asked any more. */
  release(): void
}

/** Throws TUN_ERR_OPTION, TUN_ERR_DATA. */
export function createDecisions(
  settings: Settings,
  logger: Logger,
  events: Pick<HoldingsOptions, 'onGiven' | 'onFree' | 'onRules' | 'onSeats'>,
): Decisions {
  const { options } = settings
  const sessions = new AccountSessions(options.maxSessionsPerAccount)
  const entrance = new Entrance(entranceSettings(settings))
  const folder = usableFolder(options.dataDir, logger)
  const key = folder === undefined ? randomBytes(CLAIM_KEY_BYTES) : claimKey(folder)
  const holdings: Holdings = new Holdings({
    ...events,
    leaseMs: options.leaseMs,
    maxTunnelsPerAccount: options.maxTunnelsPerAccount,
    rights: entrance,
    claims: new Claims(key),
    ...(folder === undefined ? {} : { names: readNames(folder) }),
    onChange: () => names?.changed(),
  })
  const names = folder === undefined ? undefined : new NameStore(folder, () => holdings.records(), logger)
  const whenSaved = (then: () => void) => (names === undefined ? then() : names.whenSaved(then))
  const authority = new LocalAuthority({ entrance, holdings, sessions, whenSaved })
  const store =
    folder === undefined ? undefined : openAccounts(folder, auditBounds(options), entrance, authority, logger)
  const accounts = new LocalAccounts(entrance, store?.accounts, () => holdings.maxTunnelsPerAccount)
  const sweep = setInterval(() => {
    holdings.sweep()
    entrance.sweep()
    authority.review()
  }, SWEEP_MS).unref()
  return {
    authority,
    accounts,
    passKey: Buffer.from(hkdfSync('sha256', key, '', 'passes', 32)),
    get access() {
      return entrance.open ? 'everyone' : entrance.knowsAny ? 'tokens' : 'nobody'
    },
    apply() {
      const fresh = settings.options
      entrance.settings = entranceSettings(settings)
      sessions.max = fresh.maxSessionsPerAccount
      holdings.leaseMs = fresh.leaseMs
      holdings.maxTunnelsPerAccount = fresh.maxTunnelsPerAccount
      if (store !== undefined) store.accounts.audit = auditBounds(fresh)
      authority.review()
    },
    async close() {
      if (names !== undefined) await Promise.race([names.close(), sleep(LAST_WRITE_MS, undefined, { ref: false })])
    },
    release() {
      clearInterval(sweep)
      store?.database.close()
    },
  }
}

/** The accounts in the store; whatever process changes them, the entrance knows at once, and who may not stay has to go. */
function openAccounts(
  folder: string,
  audit: AuditBounds,
  entrance: Entrance,
  authority: LocalAuthority,
  logger: Logger,
) {
  const database = Database.open(folder)
  const accounts = new Accounts(database, { audit })
  accounts.prune()
  entrance.roster = accounts.roster()
  entrance.refresh = () => database.look()
  let isFailing = false
  const onError = (error: unknown) => {
    const { detail: reason } = TunnelError.from(error)
    if (!isFailing) logger.error({ reason }, 'the store can not be used; what was known of accounts before counts')
    isFailing = true
  }
  database.watch(() => {
    try {
      entrance.roster = accounts.roster()
      authority.review()
      accounts.prune()
      isFailing = false
    } catch (error) {
      onError(error)
    }
  }, onError)
  return { database, accounts }
}

function entranceSettings({ options, readings }: Settings): EntranceSettings {
  const { open, domain, sessionsPerMinute, namesPerMinute } = options
  return { open, isLocal: domain === 'localhost', tokens: readings.tokens, sessionsPerMinute, namesPerMinute }
}

function auditBounds({ auditDays, auditRecords }: ServerOptions): AuditBounds {
  return { days: auditDays, rows: auditRecords }
}

/** Undefined where only the default can't be used: everything is kept in memory then. */
function usableFolder(given: string | undefined, logger: Logger): string | undefined {
  try {
    return dataFolder(given)
  } catch (error) {
    if (given) throw error
    const reason = TunnelError.from(error).detail
    logger.warn(
      { reason },
      'there are no accounts; names and claims are kept in memory only, and are lost with this process; set --data-dir',
    )
    return undefined
  }
}
