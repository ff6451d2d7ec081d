import { freePort, LOOPBACK, untilListening } from '../process/ports.js'
import type { Stage } from '../process/stage.js'
import { noPath, type Path, type Place } from './path.js'
import type { RelayJob } from './relay.js'

/** A delay without privileges: both sides are this machine, and a relay holds back what goes between them. It loses nothing. */
export function relayedPath(stage: Stage, roundTripMs: number): Path {
  const relays: Array<{ stop(): Promise<void> }> = []
  const relay = async (targetPort: number): Promise<Place> => {
    const port = await freePort()
    const job: RelayJob = { port, targetPort, roundTripMs }
    const child = stage.startScript('relay', 'path/relay.js', [JSON.stringify(job)])
    relays.push(child)
    await untilListening(child, port)
    return { host: LOOPBACK, port }
  }
  return {
    ...noPath(stage),
    toNear: relay,
    toFar: relay,
    async close() {
      for (const each of relays) await each.stop()
      return 'a relay, which knows bytes and no packets'
    },
  }
}
