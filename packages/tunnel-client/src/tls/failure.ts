/** What went wrong between us and the other end's certificate; undefined where it was something else. */
export type TlsFailure = 'untrusted' | 'otherName' | 'expired' | 'notYetValid' | 'notTls'

const failures: Record<string, TlsFailure> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'untrusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT: 'untrusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'untrusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'untrusted',
  ERR_TLS_CERT_ALTNAME_INVALID: 'otherName',
  CERT_HAS_EXPIRED: 'expired',
  CERT_NOT_YET_VALID: 'notYetValid',
  ERR_SSL_WRONG_VERSION_NUMBER: 'notTls',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'notTls',
}

/** By the code of Node's error. */
export function tlsFailure(code: string): TlsFailure | undefined {
  return Object.hasOwn(failures, code) ? failures[code] : undefined
}
