import type { RequestHead } from 'tunnel-protocol'

/**
 * `pass`: what proves that a visitor was let in. `warned`: that he has seen the warning. Over TLS their names say to the browser that they are of this host alone,
 * so that no other tunnel can set them; that prefix needs TLS.
 */
const NAMES = { pass: 'tunnel-pass', warned: 'tunnel-pass-warned' } as const
export type OurCookie = keyof typeof NAMES

/** All of our names, with and without the prefix, hold this. */
const MARK = 'tunnel-pass'
const OURS = /^(?:__Host-)?tunnel-pass(?:-warned)?$/
/** A field of a request, its name and white space apart from its value. */
const COOKIE_FIELD = /^(cookie:[ \t]*)([^\r]*)\r\n/gim
/** Also without a name in front: the browser sends such a cookie back as if its value had been all of it. */
const SET_COOKIE_FIELD = /^set-cookie:[ \t=]*(?:__Host-)?tunnel-pass(?:-warned)?[ \t]*[=;\r][^\n]*\n/gim
/** Of one name; a browser sends one, or a few where other paths and hosts have set it. */
const MAX_VALUES = 4

function nameOf(cookie: OurCookie, isSecure: boolean): string {
  return `${isSecure ? '__Host-' : ''}${NAMES[cookie]}`
}

/** What a request shows as that cookie: mostly one value, or none. */
export function cookieValues(request: RequestHead, cookie: OurCookie, isSecure: boolean): string[] {
  if (!hasOurs(request)) return []
  const name = nameOf(cookie, isSecure)
  const values: string[] = []
  for (const pair of request.cookie!.split(';')) {
    const equals = pair.indexOf('=')
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue
    values.push(pair.slice(equals + 1).trim())
    if (values.length === MAX_VALUES) break
  }
  return values
}

/** Looking for it in all lines would make one piece of them first: they are many. */
function hasOurs({ cookie }: RequestHead): boolean {
  return cookie?.includes(MARK) === true
}

/** The request without our cookies: they are nothing to any app. */
export function withoutOurCookies(request: RequestHead): RequestHead {
  if (!hasOurs(request)) return request
  const forward = request.forward.replaceAll(COOKIE_FIELD, (line, start: string, field: string) => {
    const pairs = field.split(';')
    const kept = pairs.filter((pair) => !OURS.test(pair.split('=', 1)[0]!.trim()))
    if (kept.length === pairs.length) return line
    return kept.length === 0 ? '' : `${start}${kept.join(';').trimStart()}\r\n`
  })
  return forward === request.forward ? request : { ...request, forward }
}

/** Header lines of an answer of the app's, without those that set our cookies. */
export function withoutOurSetCookies(lines: string): string {
  return lines.replaceAll(SET_COOKIE_FIELD, '')
}

/** A header line that sets it, or, for no time, takes it away. `maxAgeMs` in milliseconds. */
export function setCookie(cookie: OurCookie, isSecure: boolean, value: string, maxAgeMs: number): string {
  const secure = isSecure ? '; Secure' : ''
  const maxAge = Math.floor(maxAgeMs / 1_000)
  return `Set-Cookie: ${nameOf(cookie, isSecure)}=${value}; Path=/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax${secure}\r\n`
}
