import { randomBytes } from 'node:crypto'
import type { BasicAuthUser, RequestHead } from 'tunnel-protocol'
import type { Guess } from './password-checks.js'

/** Nobody's password has this hash: names that nobody has cost as much as others. */
const NOBODY = `scrypt$${randomBytes(16).toString('base64url')}$${randomBytes(32).toString('base64url')}`

const AUTHORIZATION = /^authorization:[ \t]*([^\r]*)\r\n/gim
const BASIC = /^basic +([A-Za-z0-9+/_-]+=*)[ \t]*$/i

/** Basic authentication (RFC 7617) of one tunnel. */
export class BasicAuth {
  readonly #hashes: Map<string, string>

  constructor(users: BasicAuthUser[]) {
    this.#hashes = new Map(users.map(({ user, hash }) => [user.normalize('NFC'), hash]))
  }

  /** What a request shows; undefined where it shows nothing of the kind, or two things at once. */
  guessOf({ forward }: RequestHead): Guess | undefined {
    const [field, ...more] = forward.matchAll(AUTHORIZATION)
    const token = field === undefined || more.length > 0 ? undefined : BASIC.exec(field[1]!)?.[1]
    if (token === undefined) return undefined
    const shown = Buffer.from(token, 'base64').toString()
    const colon = shown.indexOf(':')
    if (colon < 0) return undefined
    const user = shown.slice(0, colon).normalize('NFC')
    return { user, password: shown.slice(colon + 1), hash: this.#hashes.get(user) ?? NOBODY }
  }
}

/** The request without what it shows to a gate: that is not for the app. */
export function withoutAuthorization(request: RequestHead): RequestHead {
  return { ...request, forward: request.forward.replaceAll(AUTHORIZATION, '') }
}
