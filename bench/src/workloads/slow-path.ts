import { setTimeout as sleep } from 'node:timers/promises'
import type { Address } from '../load/job.js'
import { inOwnNetwork, missingNetwork, networkPath } from '../path/network.js'
import type { Slowness } from '../path/path.js'
import { relayedPath } from '../path/relayed.js'
import { answers } from '../targets/first-answer.js'
import type { Workload } from './workload.js'

const CONNECTIONS = 50
/** What a new connection needs to find its speed: slow start over 100 ms takes a second, the windows inside a tunnel as long again. */
const RAMP_SECONDS = 3
/** With loss slow start has gone too far before it meets the first, which takes longer to mend. */
const LOSSY_RAMP_SECONDS = 6
/** Losses are rare and far between: one second is not like the other. */
const LOSSY_TIMES_LONGER = 6
/** For what the last round has left behind. */
const PATIENCE_MS = 60_000
const BREATH_MS = 50

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
      { key: 'rate', label: `1 KiB GET, ${CONNECTIONS} connections: requests`, unit: '/s' },
      { key: 'p50', label: 'p50', unit: 'ms' },
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
    async measure({ running, loads, plan, path, originPort }) {
      const { address } = running
      const seconds = loss > 0 ? plan.seconds * LOSSY_TIMES_LONGER : plan.seconds
      const rampSeconds = loss > 0 ? LOSSY_RAMP_SECONDS : RAMP_SECONDS
      await untilIdle(address)
      const small = await loads.requests({ ...address, path: '/1k', connections: CONNECTIONS, seconds })
      const app = await path.toFar(originPort)
      const down = await loads.flow({ ...address, app, direction: 'down', rampSeconds, seconds })
      const up = await loads.flow({ ...address, app, direction: 'up', rampSeconds, seconds })
      return {
        down: down.bytes / down.seconds / 1e6,
        up: up.bytes / up.seconds / 1e6,
        rate: small.count / small.seconds,
        ...(small.count > 0 && { p50: small.p50Ms, p99: small.p99Ms }),
        errors: down.errors + up.errors + small.errors,
      }
    },
  }
}

/** What a stream has left behind in a tunnel may be on its way for many seconds, and visitors wait behind it. */
async function untilIdle(address: Address): Promise<void> {
  const giveUpAt = performance.now() + PATIENCE_MS
  while (!(await answers(address))) {
    if (performance.now() > giveUpAt) throw new Error(`no answer within a second, for ${PATIENCE_MS / 1_000} s`)
    await sleep(BREATH_MS)
  }
}
