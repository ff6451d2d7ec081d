import type { SecureContext } from 'node:tls'
import { isDeepStrictEqual } from 'node:util'
import { settingName } from 'tunnel-protocol'
import { readTokenFile } from './accounts/static-tokens.js'
import { readCertificate } from './edge/secure.js'
import { type ServerOptions, serverOptions, serverOptionsFrom } from './options.js'
import { trustedProxies } from './policy/trusted-proxies.js'

/** What is decided once. */
const FIXED = ['domain', 'port', 'host', 'publicUrl', 'dataDir', 'logFormat', 'workers'] as const satisfies Array<
  keyof ServerOptions
>

/** What options name, read and checked: nothing that is made of it can fail. */
export interface Readings {
  /** Those of the options and of the file. */
  tokens: string[]
  /** Undefined: visitors speak plain HTTP. */
  certificate: SecureContext | undefined
  isTrusted(address: string): boolean
}

/** The settings in force. */
export class Settings {
  #options: ServerOptions
  #readings: Readings

  /** Throws TUN_ERR_OPTION. */
  constructor(given: Partial<ServerOptions>) {
    this.#options = serverOptionsFrom(given)
    this.#readings = readAll(this.#options)
  }

  get options(): ServerOptions {
    return this.#options
  }

  get readings(): Readings {
    return this.#readings
  }

  /**
   * Take over what can be changed while the server runs. Returns the settings that differ and wait for the next start: what is decided once, and whether visitors
   * speak HTTPS. Throws TUN_ERR_OPTION for what can't be, and then nothing has changed.
   */
  renew(given: Partial<ServerOptions>): string[] {
    const before = this.#options
    const options = serverOptionsFrom(given)
    const readings = readAll(options)
    const later: Array<keyof ServerOptions> = FIXED.filter((key) => !isDeepStrictEqual(options[key], before[key]))
    for (const key of FIXED) Object.assign(options, { [key]: before[key] })
    if ((readings.certificate === undefined) !== (this.#readings.certificate === undefined)) {
      later.push('tlsCert')
      readings.certificate = this.#readings.certificate
      options.tlsCert = before.tlsCert
      options.tlsKey = before.tlsKey
    }
    this.#options = options
    this.#readings = readings
    return later.map((key) => settingName(key, serverOptions[key]))
  }
}

function readAll({ tokens, tokenFile, tlsCert, tlsKey, trustProxy }: ServerOptions): Readings {
  return {
    tokens: [...tokens, ...(tokenFile === undefined ? [] : readTokenFile(tokenFile))],
    certificate: readCertificate(tlsCert, tlsKey),
    isTrusted: trustedProxies(trustProxy),
  }
}
