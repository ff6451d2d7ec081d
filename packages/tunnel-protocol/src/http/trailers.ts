import { type ErrorCode, TunnelError } from '../errors.js'
import { FRAMING_LINE, HEADER_LINES } from './syntax.js'

/** What is wrong with trailers: header lines, each ending in CRLF, none of which says where a message ends or goes. Undefined for nothing. */
export function faultOfTrailers(lines: string): string | undefined {
  if (!HEADER_LINES.test(lines)) return 'a trailer line is malformed'
  return FRAMING_LINE.test(lines) ? 'a trailer line belongs into the head' : undefined
}

/**
 * Check trailers that the other end of a session sends. Whatever else stood there would be read as the beginning of the next message.
 * Throws TunnelError with the code given.
 */
export function checkTrailers(lines: string, code: ErrorCode): void {
  const fault = faultOfTrailers(lines)
  if (fault !== undefined) throw new TunnelError(code, fault)
}

const FORWARDING = /^(?:forwarded|x[-_]forwarded[-_](?:for|host|port|proto)):[^\r]*\r\n/gim

/** Trailers of a request as they go to the origin: an app may add them to the head, where these names are the edge's. */
export function withoutForwarding(trailers: string): string {
  return trailers === '' ? '' : trailers.replace(FORWARDING, '')
}
