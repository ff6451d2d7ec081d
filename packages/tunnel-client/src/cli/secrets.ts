import { readFileSync } from 'node:fs'
import { type OptionTable, TunnelError } from 'tunnel-protocol'
import { isToken } from '../servers/known-servers.js'

/** The token, from wherever it was given. Throws TUN_ERR_OPTION. */
export function readToken(token: string | undefined, file: string | undefined): string | undefined {
  if (token !== undefined || file === undefined) return token
  const content = readSecrets('--token-file', file).trim()
  if (isToken(content)) return content
  throw new TunnelError('TUN_ERR_OPTION', `--token-file: ${file} must hold one token and nothing else`)
}

/** Users of a file, `user:password` one a line, behind those that were given otherwise; undefined where there are none. Throws TUN_ERR_OPTION. */
export function readUsers(users: string[], file: string | undefined): string[] | undefined {
  if (file === undefined) return users.length === 0 ? undefined : users
  const more = readSecrets('--basic-auth-file', file)
    .split(/\r?\n/)
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (more.length > 0) return [...users, ...more]
  throw new TunnelError('TUN_ERR_OPTION', `--basic-auth-file: ${file} holds no user:password`)
}

function readSecrets(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new TunnelError('TUN_ERR_OPTION', `${flag}: cannot read ${file} (${(error as NodeJS.ErrnoException).code})`)
  }
}

/**
 * Keep secrets that were passed as flags out of process lists: setting the title overwrites the arguments that `ps` shows.
 */
export function hideSecrets(argv: string[], table: OptionTable, name: string): void {
  const flags = Object.values(table).flatMap(({ secret, flag }) => (secret === true ? [`--${flag}`] : []))
  if (argv.some((argument) => flags.some((flag) => argument === flag || argument.startsWith(`${flag}=`)))) {
    process.title = name
  }
}
