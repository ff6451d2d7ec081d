import { createHash } from 'node:crypto'
import { customAlphabet } from 'nanoid'

/** 32 letters, none that looks like another one. */
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'
const ID_LENGTH = 12
/** 160 bits. */
const SECRET_LENGTH = 32

const newId = customAlphabet(ALPHABET, ID_LENGTH)
const newSecret = customAlphabet(ALPHABET, SECRET_LENGTH)
const FORM = new RegExp(`^tun_([${ALPHABET}]{${ID_LENGTH}})_[${ALPHABET}]{${SECRET_LENGTH}}$`)

/** A token as it is given out, once: `tun_<id>_<secret>`. */
export interface NewToken {
  /** Names it, and opens nothing. */
  id: string
  text: string
  /** What is kept of it. */
  digest: Buffer
}

export function newToken(): NewToken {
  const id = newId()
  const text = `tun_${id}_${newSecret()}`
  return { id, text, digest: digestOf(text) }
}

/** The id in a token's text; undefined where it has not the form of one. */
export function tokenIdOf(text: string): string | undefined {
  return FORM.exec(text)?.[1]
}

/** SHA-256 of the whole: secrets of 160 bits need no slower one. */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
