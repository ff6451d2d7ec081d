import type { IncomingMessage } from 'node:http'
import { TunnelError } from 'tunnel-protocol'
import { tlsFailure } from '../tls/failure.js'

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing is listening there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name could not be looked up',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'it closed the connection',
}

/** Why there is no connection to `name`, in words, as TUN_ERR_CONNECT. What a certificate holds is not shown. */
export function connectFailure(name: string, error: Error): TunnelError {
  // An error of several addresses has an empty message of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as NodeJS.ErrnoException | undefined) : undefined
  const code = (error as NodeJS.ErrnoException).code ?? first?.code ?? ''
  const reason = reasons[code] ?? tlsReason(code) ?? (error.message || 'unknown error').split('\n', 1)[0]!
  const detail = `cannot reach ${name}: ${reason}${code === '' ? '' : ` (${code})`}`
  return new TunnelError('TUN_ERR_CONNECT', detail, { cause: error })
}

function tlsReason(code: string): string | undefined {
  switch (tlsFailure(code)) {
    case 'untrusted':
      return 'its certificate comes from nobody who is trusted here; --ca takes a file of who is'
    case 'otherName':
      return 'its certificate is for another host; is this the host that it is known by?'
    case 'expired':
      return 'its certificate has expired'
    case 'notYetValid':
      return 'its certificate is not valid yet; compare the clocks'
    case 'notTls':
      return 'it does not speak HTTPS'
    default:
      // Their messages are OpenSSL's, for whoever debugs that.
      return /^(EPROTO$|ERR_SSL_)/.test(code) ? 'TLS with it does not come about' : undefined
  }
}

/** What answered there does not speak HTTP, or not as it should. */
export function isNoHttp(error: Error): boolean {
  return /^HPE_/.test((error as NodeJS.ErrnoException).code ?? '')
}

/** Why a server gave no answer of HTTP: TUN_ERR_NOT_A_SERVER where what came is something else, what a proxy said, or TUN_ERR_CONNECT. */
export function serverFailure(serverUrl: string, error: Error): TunnelError {
  const isForeign = error instanceof TunnelError ? error.code === 'TUN_ERR_NOT_A_SERVER' : isNoHttp(error)
  if (isForeign) return new TunnelError('TUN_ERR_NOT_A_SERVER', `${serverUrl} answers, but is not a tunnel-server`)
  return error instanceof TunnelError ? error : connectFailure(serverUrl, error)
}

/** What an answer means that a tunnel-server would not give. */
export function unexpectedAnswer(serverUrl: string, { statusCode = 0, headers }: IncomingMessage): TunnelError {
  // A proxy whose server is being restarted answers with 5xx, one that is overloaded with 429.
  if (statusCode >= 500 || statusCode === 429) {
    return new TunnelError('TUN_ERR_CONNECT', `cannot reach ${serverUrl}: it answered ${statusCode}`)
  }
  const elsewhere = originOf(headers.location ?? '')
  const detail =
    statusCode >= 300 && statusCode < 400 && elsewhere !== undefined
      ? `${serverUrl} leads to ${elsewhere}: if that is your server, name it`
      : `${serverUrl} answered ${statusCode}, it is not a tunnel-server`
  return new TunnelError('TUN_ERR_NOT_A_SERVER', detail)
}

function originOf(location: string): string | undefined {
  const url = URL.canParse(location) ? new URL(location) : undefined
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? url.origin : undefined
}
