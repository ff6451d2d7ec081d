import { isIP } from 'node:net'
import tls, { type SecureContext } from 'node:tls'
import { TunnelError } from 'tunnel-protocol'
import { contextOf, readCertificates } from '../tls/certificates.js'
import { isLocal, type OriginTarget } from './target.js'

/** What a caller says about the certificate of an app that speaks TLS. */
export interface TrustInput {
  /** Path of a PEM file with the certificates to trust, or the PEM itself. */
  ca?: string | undefined
  serverName?: string | undefined
}

/** How an app that speaks TLS is recognised. */
export interface OriginTrust {
  /** Holds the authorities that are trusted. Made once: it is what costs most in setting up a connection. */
  context: SecureContext
  /** Host name or address that the certificate has to be for. A name is also sent to the app (SNI). */
  serverName: string
  /** False: any certificate will do. */
  verify: boolean
}

/**
 * Undefined where the app does not speak TLS. Throws TUN_ERR_OPTION, also for options that could then mean nothing.
 * On this machine there is nobody in between, and self-signed certificates are the rule: without a CA nothing is verified there.
 */
export function originTrust(target: OriginTarget, input: TrustInput): OriginTrust | undefined {
  if (!target.tls) {
    const useless = input.ca !== undefined ? 'origin-ca' : input.serverName !== undefined ? 'origin-server-name' : ''
    if (useless === '') return undefined
    throw new TunnelError('TUN_ERR_OPTION', `${useless}: only for an app that speaks HTTPS; add --local-https`)
  }
  const ca = input.ca === undefined ? undefined : readCertificates('origin-ca', input.ca)
  return {
    context: ca === undefined ? tls.createSecureContext() : contextOf(ca),
    serverName: input.serverName === undefined ? defaultName(target) : checkName(input.serverName),
    verify: ca !== undefined || !isLocal(target),
  }
}

function defaultName(target: OriginTarget): string {
  return target.kind === 'unix' ? 'localhost' : target.host
}

function checkName(name: string): string {
  if (isIP(name) !== 0 || /^(?:[A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+$/.test(name)) return name
  throw new TunnelError('TUN_ERR_OPTION', `origin-server-name: expected a host such as app.internal, got "${name}"`)
}
