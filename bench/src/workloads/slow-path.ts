import { inOwnNetwork, missingNetwork, networkPath } from '../path/network.js'
import type { Slowness } from '../path/path.js'
import { relayedPath } from '../path/relayed.js'
import type { Workload } from './workload.js'

const CONNECTIONS = 50
/** What a new connection needs to find its speed: slow start over 100 ms takes a second, the windows inside a tunnel as long again. */
const RAMP_SECONDS = 3

/** A delay, and perhaps loss, between the server and the agent, which is next to the app; without a tunnel between the visitor and the app. */
export function slowPath(slowness: Slowness): Workload {
  const { roundTripMs, loss } = slowness
  const losing = loss > 0 ? `, ${loss * 100} % loss` : ''
  return {
    name: `delay-${roundTripMs}${loss > 0 ? '-loss' : ''}`,
    title: `Over a path of ${roundTripMs} ms there and back, 1 Gbit/s${losing}`,
    metrics: [
      { key: 'down', label: 'download, 1 stream', unit: 'MB/s' },
      { key: 'up', label: 'upload, 1 stream', unit: 'MB/s' },
      { key: 'p50', label: `p50 of 1 KiB GET, ${CONNECTIONS} connections`, unit: 'ms' },
      { key: 'p99', label: 'p99', unit: 'ms' },
      { key: 'errors', label: 'errors', unit: '' },
    ],
    warmUp: false,
    long: true,
    maxRounds: 2,
    targets: ['direct', 'ours', 'ssh', 'frp', 'frp-tcp'],
    async path(stage) {
      if (inOwnNetwork()) return networkPath(stage, slowness)
      return loss === 0
        ? relayedPath(stage, roundTripMs)
        : ((await missingNetwork()) ?? 'it needs a network of its own')
    },
    async measure({ running, loads, plan }) {
      const { address } = running
      // Losses are rare and far between: one second is not like the other.
      const seconds = loss > 0 ? 3 * plan.seconds : plan.seconds
      const down = await loads.flow({ ...address, direction: 'down', rampSeconds: RAMP_SECONDS, seconds })
      const up = await loads.flow({ ...address, direction: 'up', rampSeconds: RAMP_SECONDS, seconds })
      const small = await loads.requests({ ...address, path: '/1k', connections: CONNECTIONS, seconds: plan.seconds })
      return {
        down: down.bytes / down.seconds / 1e6,
        up: up.bytes / up.seconds / 1e6,
        p50: small.p50Ms,
        p99: small.p99Ms,
        errors: down.errors + up.errors + small.errors,
      }
    },
  }
}
