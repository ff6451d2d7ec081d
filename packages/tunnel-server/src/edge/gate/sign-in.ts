import type { Provenance } from 'tunnel-protocol'
import { addressGroup } from '../../policy/address-group.js'
import { ruleDigest } from './passes.js'

/** The password of a tunnel. */
export interface PasswordRule {
  /** As hashPassword gives it. */
  hash: string
  /** What passes call it. */
  digest: string
}

export function passwordRule({ hash }: { hash: string }): PasswordRule {
  return { hash, digest: ruleDigest('password', hash) }
}

/** Who has so many guesses at the passwords of a tunnel. */
export function guesserOf(tunnel: string, { visitor }: Provenance): string {
  return `${tunnel} ${addressGroup(visitor)}`
}

/** As Retry-After has it. */
export function secondsOf(ms: number): number {
  return Math.ceil(ms / 1_000)
}
