import { readFileSync } from 'node:fs'
import { TunnelError } from 'tunnel-protocol'

/** The token, from wherever it was given. Throws TUN_ERR_OPTION. */
export function readToken(token: string | undefined, file: string | undefined): string | undefined {
  if (token !== undefined || file === undefined) return token
  let content: string
  try {
    content = readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `--token-file: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`,
    )
  }
  if (/^[\x21-\x7e]{1,1024}$/.test(content)) return content
  throw new TunnelError('TUN_ERR_OPTION', `--token-file: ${file} must hold one token and nothing else`)
}

/**
 * Keep a token that was passed as a flag out of process lists: setting the title overwrites the arguments that `ps` shows.
 */
export function hideToken(argv: string[], name: string): void {
  if (!argv.some((argument) => argument === '--token' || argument.startsWith('--token='))) return
  process.title = name
}
