import { type ErrorCode, TunnelError } from '../errors.js'
import { HEADER_LINES } from './syntax.js'

/**
 * Trailers that the other end of a session sends: header lines, each ending in CRLF. Whatever else stands there would be
 * read as the beginning of the next message. Throws TunnelError with the code given.
 */
export function readTrailers(payload: Buffer, code: ErrorCode): string {
  const lines = payload.toString('latin1')
  if (!HEADER_LINES.test(lines)) throw new TunnelError(code, 'a trailer line is malformed')
  return lines
}

const FORWARDING = /^(?:forwarded|x[-_]forwarded[-_](?:for|host|port|proto)):[^\r]*\r\n/gim

/** Trailers of a request as they go to the origin: an app may add them to the head, where these names are the edge's. */
export function withoutForwarding(trailers: string): string {
  return trailers === '' ? '' : trailers.replace(FORWARDING, '')
}
