import { timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { TunnelError } from 'tunnel-protocol'
import { digestOf } from './token-text.js'

/** Tokens of the settings: each opens the door for an account of its own, of which nothing else is known. */
export class StaticTokens {
  readonly #digests: Buffer[]

  constructor(tokens: readonly string[] = []) {
    this.#digests = tokens.map(digestOf)
  }

  get size(): number {
    return this.#digests.length
  }

  /** The account behind a token. Takes the same time whatever the token, and wherever in the list it stands. */
  accountOf(token: string, compare: typeof timingSafeEqual = timingSafeEqual): string | undefined {
    const given = digestOf(token)
    let known = false
    for (const expected of this.#digests) known = compare(given, expected) || known
    return known ? accountOfDigest(given) : undefined
  }

  /** Is there still the token of this account, which accountOf() has given? */
  knows(account: string): boolean {
    return this.#digests.some((known) => accountOfDigest(known) === account)
  }
}

/** Tokens of a file, one a line; empty lines and lines that begin with # do not count. Throws TUN_ERR_OPTION. */
export function readTokenFile(path: string): string[] {
  let content: string
  try {
    content = readFileSync(path, 'utf8')
  } catch (error) {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `--token-file: cannot read ${path} (${(error as NodeJS.ErrnoException).code})`,
    )
  }
  const tokens = content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (tokens.length > 0) return tokens
  throw new TunnelError('TUN_ERR_OPTION', `--token-file: ${path} holds no token`)
}

function accountOfDigest(given: Buffer): string {
  return `token ${given.toString('hex', 0, 8)}`
}
