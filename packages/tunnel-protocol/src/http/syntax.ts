/** Pieces of RFC 9110 and 9112 syntax shared by request and response heads. All take strings decoded as latin1. */

/** RFC 9110 section 5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Header lines, each `name:value` CRLF. No obs-fold, no space before the colon, no control byte but tab (RFC 9112 section 5). */
export const HEADER_LINES = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/
/**
 * What must not stand in trailers (RFC 9110 section 6.5.1): it frames or routes a message, and a parser that adds trailers to the head would
 * read another message than one that does not.
 */
export const FRAMING_LINE =
  /^(?:content-length|transfer-encoding|host|connection|upgrade|proxy-connection|te|trailer):/im
/** RFC 9110 section 8.6: digits only. */
export const DIGITS = /^[0-9]{1,16}$/

/** A header value without the optional white space around it (RFC 9110 section 5.5: spaces and tabs only). */
export function trimOws(text: string, from: number, to: number): string {
  while (from < to && (text.charCodeAt(from) === 32 || text.charCodeAt(from) === 9)) from++
  while (to > from && (text.charCodeAt(to - 1) === 32 || text.charCodeAt(to - 1) === 9)) to--
  return text.slice(from, to)
}
