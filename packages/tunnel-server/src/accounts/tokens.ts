import { createHash, timingSafeEqual } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { TunnelError } from 'tunnel-protocol'

/** Who may open tunnels: whoever has one of these tokens, or everyone where there are none. */
export class TokenList {
  #digests: Buffer[] = []

  constructor(tokens: string[]) {
    this.replace(tokens)
  }

  /** These tokens from now on. */
  replace(tokens: string[]): void {
    this.#digests = tokens.map(digest)
  }

  /** Without tokens everyone may open tunnels. */
  get open(): boolean {
    return this.#digests.length === 0
  }

  /**
   * The account behind a token: each token is one. Where everyone may come, each address is one.
   * Throws TUN_ERR_UNAUTHORIZED. Takes the same time whatever the token, and wherever in the list it stands.
   */
  accountOf(token: string | undefined, address: string): string {
    if (this.open) return `address ${address}`
    if (token === undefined) {
      throw new TunnelError('TUN_ERR_UNAUTHORIZED', 'this server wants a token: set TUNNEL_TOKEN or pass --token-file')
    }
    const given = digest(token)
    let known = false
    for (const expected of this.#digests) known = timingSafeEqual(given, expected) || known
    if (known) return accountOfDigest(given)
    throw new TunnelError('TUN_ERR_UNAUTHORIZED', 'this server does not know the token')
  }

  /** Could an agent still come in under this account, which accountOf has given it? */
  knows(account: string): boolean {
    if (this.open) return account.startsWith('address ')
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

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
