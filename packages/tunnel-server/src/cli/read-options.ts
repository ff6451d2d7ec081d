import { readConfigFile } from 'tunnel-command'
import type { GivenFlags } from 'tunnel-protocol'
import { readServerOptions, type ServerOptions } from '../options.js'

/** Flags, environment and the file that either of them names. Throws TUN_ERR_OPTION. */
export async function readOptions(flags: GivenFlags): Promise<ServerOptions> {
  const { config } = readServerOptions({ config: flags.config }, { TUNNEL_CONFIG: process.env.TUNNEL_CONFIG })
  return readServerOptions(flags, process.env, config === undefined ? undefined : await readConfigFile(config))
}
