import type { Address } from '../load/job.js'
import { cpuNanoseconds } from '../process/usage.js'
import type { Running } from '../targets/target.js'
import { requests } from './lockstep.js'
import { getRequest } from './traffic.js'

const CONNECTIONS = 16
/** Of one measurement: about an eighth of a second of CPU time. */
const REQUESTS = 3_000
const WARM_UPS = 4
const ROUNDS = 15

/**
 * The CPU time of `tunnel`, all of its processes, as a multiple of that of `relay`, for small requests that come together: the median of the ratios of many
 * short rounds, because what disturbs one of them disturbs both sides of it, or is an exception. Undefined where the kernel does not say.
 */
export async function cpuRatio(tunnel: Running, relay: Running): Promise<number | undefined> {
  const ratios: number[] = []
  for (let round = -WARM_UPS; round < ROUNDS; round++) {
    const ours = await cpuOf(tunnel)
    const theirs = await cpuOf(relay)
    if (round >= 0) ratios.push(ours / theirs)
  }
  const median = ratios.sort((a, b) => a - b)[ROUNDS >> 1]!
  return Number.isFinite(median) ? median : undefined
}

async function cpuOf({ address, parts }: Running): Promise<number> {
  const used = () => parts.reduce((sum, { child }) => sum + cpuNanoseconds(child.pid), 0)
  const before = used()
  await crowd(address)
  return used() - before
}

async function crowd(address: Address): Promise<void> {
  const request = getRequest(address)
  const each = Math.ceil(REQUESTS / CONNECTIONS)
  await Promise.all(Array.from({ length: CONNECTIONS }, () => requests(address, request, each)))
}
