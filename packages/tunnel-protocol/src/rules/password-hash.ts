import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto'

/** What a guess costs: some 30 ms and 16 MiB. The same for every hash, so that nobody can send one that costs more. */
const PARAMETERS = { N: 16_384, r: 8, p: 1 }
const SALT_BYTES = 16
const HASH_BYTES = 32
/** Characters of a password; a longer one is nobody's. */
export const MAX_PASSWORD_LENGTH = 1_024

const HASH = /^scrypt\$([\w-]{22})\$([\w-]{43})$/

/**
 * `scrypt$<salt>$<hash>`, both base64url. What looks alike is alike: accents typed as one character or as two. Blocks for some 30 ms.
 * `salt`: 16 bytes; default: random ones.
 */
export function hashPassword(password: string, salt: Buffer = randomBytes(SALT_BYTES)): string {
  const hash = scryptSync(password.normalize('NFC'), salt, HASH_BYTES, PARAMETERS)
  return `scrypt$${salt.toString('base64url')}$${hash.toString('base64url')}`
}

/** A hash as hashPassword gives it. */
export function isPasswordHash(text: unknown): text is string {
  return typeof text === 'string' && HASH.test(text)
}

/** Hash `password` beside this thread, and say whether it gives `hash`. Takes the same time whether or not it does. */
export function checkPassword(password: string, hash: string, then: (matches: boolean) => void): void {
  const [, salt, expected] = HASH.exec(hash)!
  const given = password.slice(0, MAX_PASSWORD_LENGTH + 1).normalize('NFC')
  scrypt(given, Buffer.from(salt!, 'base64url'), HASH_BYTES, PARAMETERS, (error, bytes) => {
    then(
      error === null &&
        password.length <= MAX_PASSWORD_LENGTH &&
        timingSafeEqual(bytes, Buffer.from(expected!, 'base64url')),
    )
  })
}
