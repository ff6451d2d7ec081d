import type { RequestHead } from 'tunnel-protocol'
import { DOOR_PATH } from '../../policy/door-path.js'
import { acceptOf, fieldOf } from '../fields.js'

/** A browser, or something like it, that asks for a page to show to a person. */
export function isNavigation(request: RequestHead): boolean {
  if (request.method !== 'GET' && request.method !== 'HEAD') return false
  if (request.upgrade !== undefined) return false
  const mode = fieldOf(request, 'sec-fetch-mode')
  return (mode === undefined || mode === 'navigate') && /\btext\/html\b/i.test(acceptOf(request))
}

/** Longest address that a visitor is sent back to. */
const MAX_PATH_LENGTH = 2_048

/**
 * Where a visitor is sent who wanted to go to `wanted`: there, if it is a path of the same host, else to its root. What a browser could take for another host
 * is no path; nor is what begins with our own.
 */
export function pathBack(wanted: string): string {
  const isPath = wanted.length <= MAX_PATH_LENGTH && /^\/(?![/\\])[\x21-\x7e]*$/.test(wanted)
  return isPath && !wanted.includes('\\') && !wanted.startsWith(DOOR_PATH) ? wanted : '/'
}

/** A request target as a path that can stand in a page or header: bytes beyond ASCII are written as such. */
export function asciiTarget({ target }: RequestHead): string {
  return target.replaceAll(
    /[^\x21-\x7e]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  )
}
