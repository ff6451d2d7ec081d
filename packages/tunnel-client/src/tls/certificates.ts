import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import tls, { rootCertificates, type SecureContext } from 'node:tls'
import { TunnelError } from 'tunnel-protocol'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/**
 * The certificates in a PEM file, or in PEM text itself. `option`: who asked, for the message.
 * Throws TUN_ERR_OPTION where it can't be read, holds none, or one of them is damaged.
 */
export function readCertificates(option: string, given: string): string[] {
  const inline = given.includes('-----BEGIN ')
  const where = inline ? 'the text given' : given
  const found = (inline ? given : readFile(option, given)).match(CERTIFICATE) ?? []
  if (found.length === 0) {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `${option}: ${where} holds no certificate (PEM, -----BEGIN CERTIFICATE-----)`,
    )
  }
  found.forEach((pem, i) => {
    try {
      new X509Certificate(pem)
    } catch {
      throw new TunnelError('TUN_ERR_OPTION', `${option}: certificate ${i + 1} in ${where} is damaged`)
    }
  })
  return found
}

function readFile(option: string, path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    throw new TunnelError('TUN_ERR_OPTION', `${option}: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** Trusts these certificates. A file may hold the certificate of the other end itself, or an intermediate one, instead of the root. */
export function contextOf(certificates: string[]): SecureContext {
  return tls.createSecureContext({ ca: certificates, allowPartialTrustChain: true })
}

/** Trusts these certificates and all that Node trusts. */
export function contextWith(certificates: string[]): SecureContext {
  return contextOf([...trustedByNode(), ...certificates])
}

function trustedByNode(): readonly string[] {
  // From Node 22.15 on.
  const { getCACertificates } = tls as { getCACertificates?: (kind: 'default') => string[] }
  if (getCACertificates !== undefined) return getCACertificates('default')
  const extra = process.env.NODE_EXTRA_CA_CERTS
  return extra ? [...rootCertificates, ...extraCertificates(extra)] : rootCertificates
}

/** Node itself says so where the file can't be used. */
function extraCertificates(path: string): string[] {
  try {
    return readCertificates('NODE_EXTRA_CA_CERTS', path)
  } catch {
    return []
  }
}
