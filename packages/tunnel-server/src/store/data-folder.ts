import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { TunnelError } from 'tunnel-protocol'
import { dataError } from './data-error.js'
import { DATABASE_FILE } from './database.js'

/**
 * The folder for what outlives the process, which is made if need be, for our user alone. Without `given`: that of systemd ($STATE_DIRECTORY),
 * else tunnel-server in the user's state folder. Throws TUN_ERR_OPTION where it can't be used.
 */
export function dataFolder(given: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const folder = resolve(given || defaultFolder(env))
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `--data-dir: ${folder} can't be used (${code}): it has to be a folder that this user may write to`,
    )
  }
  return folder
}

/**
 * The same folder for commands beside a server: only where the server has made it, since in another one nobody would look for what they write. Throws TUN_ERR_OPTION
 * saying where they have looked, TUN_ERR_DATA where this user may not.
 */
export function serversDataFolder(given: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const folder = resolve(given || defaultFolder(env))
  const found = lookInto(folder)
  if (found === 'there') return folder
  const what = found === 'empty' ? `no server has kept accounts in ${folder}` : `there is no folder ${folder}`
  throw new TunnelError(
    'TUN_ERR_OPTION',
    `${what}: say with --data-dir, TUNNEL_DATA_DIR or --config which one the server has; its first start makes it`,
  )
}

function lookInto(folder: string): 'there' | 'empty' | 'missing' {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'missing'
    throw dataError(folder, `this user may not (${code})`, 'run this as the user that runs the server')
  }
  // A log without its file is for Database to complain about.
  return [DATABASE_FILE, `${DATABASE_FILE}-wal`].some((name) => existsSync(join(folder, name))) ? 'there' : 'empty'
}

function defaultFolder(env: NodeJS.ProcessEnv): string {
  // systemd gives several with colons between them where the unit names several.
  const [ofSystemd] = (env.STATE_DIRECTORY ?? '').split(':')
  return ofSystemd || join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'tunnel-server')
}
