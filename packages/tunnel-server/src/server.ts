import { type Logger, silentLogger } from 'tunnel-protocol'
import { startAlone } from './alone.js'
import type { ServerOptions } from './options.js'
import { Settings } from './settings.js'
import type { TunnelServer } from './tunnel-server.js'
import { startWorkers } from './workers/main.js'

/**
 * Start a server. `inherited`: file descriptors of listening sockets, in place of the options `port` and `host`. Several workers write their logs to stdout themselves,
 * as the options say, and not to `logger`. Throws TUN_ERR_OPTION, TUN_ERR_DATA.
 */
export async function createTunnelServer(
  given: Partial<ServerOptions> = {},
  logger: Logger = silentLogger,
  inherited: number[] = [],
): Promise<TunnelServer> {
  const settings = new Settings(given)
  const start = settings.options.workers > 1 ? startWorkers : startAlone
  return start(settings, logger, inherited)
}
