import { statSync } from 'node:fs'
import { TunnelError } from 'tunnel-protocol'
import { tlsFailure } from '../tls/failure.js'
import { type OriginTarget, targetName } from './target.js'
import type { OriginTrust } from './trust.js'

/**
 * What the failure says of the app. `absent`: it does not listen, and may start to. `cut`: it took the connection and dropped it,
 * as one does that is being ended. `lasting`: a moment later it would be the same.
 */
export type FailureKind = 'absent' | 'cut' | 'lasting'

export interface DialFailure {
  error: TunnelError
  kind: FailureKind
}

/**
 * Why no connection to the origin came about. `trust`: set when the app took the connection and TLS failed. Both the visitor
 * and the log see the words: they say what is wrong and which flag helps, and nothing of what a certificate holds.
 */
export function describeFailure(
  cause: NodeJS.ErrnoException,
  target: OriginTarget,
  trust: OriginTrust | undefined,
): DialFailure {
  const name = targetName(target)
  const kind = cause.code === 'ECONNRESET' ? 'cut' : 'lasting'
  if (trust !== undefined) {
    return { error: new TunnelError('TUN_ERR_ORIGIN_TLS', tlsWords(cause, name, trust), { cause }), kind }
  }
  const absence = absenceOf(cause, target)
  const detail = absence ?? (target.kind === 'unix' ? unixFailure(cause, name) : cannotConnect(cause, name))
  return {
    error: new TunnelError('TUN_ERR_ORIGIN_REFUSED', detail, { cause }),
    kind: absence === undefined ? kind : 'absent',
  }
}

/** Undefined where somebody listens, or nobody ever will. */
function absenceOf({ code }: NodeJS.ErrnoException, target: OriginTarget): string | undefined {
  if (target.kind === 'tcp')
    return code === 'ECONNREFUSED' ? `nothing is listening on ${targetName(target)}` : undefined
  if (code === 'ENOENT') return `there is no socket at ${target.path}`
  // What an app leaves behind that did not end in order.
  if (code === 'ECONNREFUSED' && isSocket(target.path)) return `nothing is listening on the socket ${target.path}`
  return undefined
}

function unixFailure(cause: NodeJS.ErrnoException, path: string): string {
  const { code } = cause
  if (code === 'EACCES' || code === 'EPERM') return `the socket ${path} may not be used by this user (${code})`
  if (code === 'ENOTSOCK' || code === 'ECONNREFUSED') return `${path} is not a socket`
  return cannotConnect(cause, path)
}

function cannotConnect({ code, message }: NodeJS.ErrnoException, name: string): string {
  return `cannot connect to ${name} (${code ?? message})`
}

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket()
  } catch {
    return true // gone meanwhile, or not to be seen: not for us to say what it is
  }
}

function tlsWords({ code = 'closed', message }: NodeJS.ErrnoException, name: string, trust: OriginTrust): string {
  const failure = tlsFailure(code)
  if (failure === 'untrusted') {
    return `the certificate of ${name} comes from nobody who is trusted here (${code}): --origin-ca takes a file of who is`
  }
  if (failure === 'otherName') {
    return `the certificate of ${name} is not for ${trust.serverName}: --origin-server-name takes the name that it is for`
  }
  if (failure === 'expired') return `the certificate of ${name} has expired`
  if (failure === 'notYetValid') return `the certificate of ${name} is not valid yet: compare the clocks`
  if (failure === 'notTls') return `${name} does not speak HTTPS: leave out https and --local-https`
  if (code === 'ECONNRESET' || code === 'closed')
    return `${name} closed the connection in the middle of the TLS handshake`
  return `no TLS connection to ${name} (${code === '' ? message : code})`
}
