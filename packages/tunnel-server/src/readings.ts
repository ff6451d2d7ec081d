import type { SecureContext } from 'node:tls'
import { readTokenFile } from './accounts/tokens.js'
import { readCertificate } from './edge/secure.js'
import type { ServerOptions } from './options.js'
import { trustedProxies } from './policy/trusted-proxies.js'

/** What options name, read and checked: nothing that is made of it can fail. */
export interface Readings {
  tokens: string[]
  /** Undefined: visitors speak plain HTTP. */
  certificate: SecureContext | undefined
  isTrusted(address: string): boolean
}

/** Throws TUN_ERR_OPTION. */
export function readSettings({ tokens, tokenFile, tlsCert, tlsKey, trustProxy }: ServerOptions): Readings {
  return {
    tokens: [...tokens, ...(tokenFile === undefined ? [] : readTokenFile(tokenFile))],
    certificate: readCertificate(tlsCert, tlsKey),
    isTrusted: trustedProxies(trustProxy),
  }
}

/**
 * What a server that runs with `before` takes over of `fresh`. `later`: the settings that wait for the next start. Whether visitors speak HTTPS does; so does
 * whether agents need a token, because a slip of the pen must not open the server to everyone.
 */
export function takeOver(
  before: Readings,
  fresh: Readings,
): { readings: Readings; later: Array<'tlsCert' | 'tokens'> } {
  const later: Array<'tlsCert' | 'tokens'> = []
  const readings = { ...fresh }
  if ((fresh.certificate === undefined) !== (before.certificate === undefined)) {
    readings.certificate = before.certificate
    later.push('tlsCert')
  }
  if (fresh.tokens.length === 0 && before.tokens.length > 0) {
    readings.tokens = before.tokens
    later.push('tokens')
  }
  return { readings, later }
}
