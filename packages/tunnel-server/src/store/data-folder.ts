import { accessSync, constants, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { TunnelError } from 'tunnel-protocol'

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

function defaultFolder(env: NodeJS.ProcessEnv): string {
  // systemd gives several with colons between them where the unit names several.
  const [ofSystemd] = (env.STATE_DIRECTORY ?? '').split(':')
  return ofSystemd || join(env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'tunnel-server')
}
