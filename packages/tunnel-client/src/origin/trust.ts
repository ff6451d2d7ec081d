import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import tls, { type SecureContext } from 'node:tls'
import { TunnelError } from 'tunnel-protocol'
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
  const ca = input.ca === undefined ? undefined : readCertificates(input.ca)
  return {
    // A file may hold the certificate itself, or an intermediate one, instead of the root.
    context: tls.createSecureContext(ca === undefined ? {} : { ca, allowPartialTrustChain: true }),
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

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

function readCertificates(given: string): string[] {
  const inline = given.includes('-----BEGIN ')
  const where = inline ? 'the text given' : given
  const found = (inline ? given : readFile(given)).match(CERTIFICATE) ?? []
  if (found.length === 0) {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `origin-ca: ${where} holds no certificate (PEM, -----BEGIN CERTIFICATE-----)`,
    )
  }
  found.forEach((pem, i) => {
    try {
      new X509Certificate(pem)
    } catch {
      throw new TunnelError('TUN_ERR_OPTION', `origin-ca: certificate ${i + 1} in ${where} is damaged`)
    }
  })
  return found
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    throw new TunnelError('TUN_ERR_OPTION', `origin-ca: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`)
  }
}
