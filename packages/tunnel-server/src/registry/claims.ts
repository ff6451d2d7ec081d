import { createHmac, randomBytes } from 'node:crypto'
import { isSecret } from '../policy/secret.js'

const VERSION = 'v1'
/** Of the key, in bytes: as long as what HMAC-SHA256 gives. */
export const CLAIM_KEY_BYTES = 32
const TENURE_BYTES = 16

/** What tells one time that a name was given from every other. Not a secret: only a signed one proves anything. */
export function newTenure(): string {
  return randomBytes(TENURE_BYTES).toString('base64url')
}

/** A tenure as newTenure gives it. */
export function isTenure(text: unknown): text is string {
  return typeof text === 'string' && /^[\w-]{22}$/.test(text)
}

/**
 * Signs and reads claims: `v1.<name>.<tenure>.<mac>`, at most 133 characters. Neither name nor tenure holds a dot, so that no two
 * of them read alike. Whoever has the key can say what was given without having kept it.
 */
export class Claims {
  readonly #key: Buffer

  /** Default: a key that is forgotten with the process. */
  constructor(key: Buffer = randomBytes(CLAIM_KEY_BYTES)) {
    this.#key = key
  }

  sign(name: string, tenure: string): string {
    const payload = `${VERSION}.${name}.${tenure}`
    return `${payload}.${createHmac('sha256', this.#key).update(payload).digest('base64url')}`
  }

  /** The tenure of `name` that `claim` proves; undefined where it proves none. */
  tenureOf(name: string, claim: string | undefined): string | undefined {
    const tenure = claim?.split('.', 3)[2]
    return isTenure(tenure) && isSecret(this.sign(name, tenure), claim) ? tenure : undefined
  }
}
