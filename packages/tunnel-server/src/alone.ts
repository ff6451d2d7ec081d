import type { Logger } from 'tunnel-protocol'
import { createDecisions } from './decisions.js'
import { Directory } from './registry/directory.js'
import type { Settings } from './settings.js'
import { createTraffic } from './traffic.js'
import { publicUrlOf, type TunnelServer } from './tunnel-server.js'
import { SOFTWARE } from './version.js'

/** A server that is one process: decides, and carries the traffic. Throws TUN_ERR_OPTION, TUN_ERR_DATA. */
export async function startAlone(settings: Settings, logger: Logger, inherited: number[]): Promise<TunnelServer> {
  const { options, readings } = settings
  let { port } = options
  const publicUrl = () => publicUrlOf(options, port)
  const directory = new Directory()
  const decisions = createDecisions(settings, logger, {
    onGiven: (name) => directory.add(name),
    onFree: (name) => directory.remove(name),
    onRules: (name, rules) => directory.setRules(name, rules),
  })
  const { authority, accounts } = decisions
  const traffic = await createTraffic(options, readings, {
    authority,
    accounts,
    directory,
    passKey: decisions.passKey,
    logger,
    software: SOFTWARE,
    publicUrl,
    totals: () => ({
      tunnels: directory.online,
      sessions: authority.sessionCount,
      uptimeSeconds: Math.floor(process.uptime()),
    }),
  })
  try {
    port = await traffic.listen({ ...options, inherited })
  } catch (error) {
    decisions.release()
    throw error
  }

  let closing: Promise<void> | undefined
  const close = async (drainMs: number) => {
    await decisions.close()
    await traffic.drain(drainMs)
    await traffic.close()
    decisions.release()
  }
  return {
    port,
    url: publicUrl(),
    get access() {
      return decisions.access
    },
    get connectionCount() {
      return traffic.connectionCount
    },
    close(drainMs = settings.options.drainMs) {
      closing ??= close(drainMs)
      return closing
    },
    reload(given) {
      const later = settings.renew(given)
      // Nothing here can fail any more.
      decisions.apply()
      traffic.apply(settings.options, settings.readings)
      return later
    },
  }
}
