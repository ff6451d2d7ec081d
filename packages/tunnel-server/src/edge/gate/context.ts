import type { Logger } from 'tunnel-protocol'
import type { Passes } from './passes.js'
import type { PasswordChecks } from './password-checks.js'

/** What holds for all gates. */
export interface GateSettings {
  /** Signs passes: 32 bytes that are the same in all processes of the server, and after a restart. */
  passKey: Buffer
  /** Warn visitors before the first page that they see of a tunnel. */
  interstitial: boolean
  /** Where abuse can be reported, as a URL; shown on pages of ours. */
  abuseContact: string | undefined
  /** Where requests are logged, if anywhere. */
  accessLog: Logger | undefined
}

/** What all gates of a process share. */
export interface GateContext {
  readonly settings: GateSettings
  readonly passes: Passes
  readonly checks: PasswordChecks
}
