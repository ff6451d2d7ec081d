import { cpuMetrics, perUnit, withCpu } from './cpu.js'
import type { Workload } from './workload.js'

const MICROSECONDS = 1e6
const SMALL_BYTES = 64
const LARGE_BYTES = 1 << 20

/** Round trips of 64 bytes. */
export function echo(sockets: number, inFlight: number): Workload {
  const many = sockets === 1 ? '1 socket' : `${sockets} sockets × ${inFlight} in flight`
  return {
    name: `ws-${sockets}`,
    title: `WebSocket echo, ${many}`,
    metrics: [
      { key: 'rate', label: 'round trips', unit: '/s' },
      { key: 'p99', label: 'p99', unit: 'ms' },
      ...cpuMetrics('µs/round trip', false),
      { key: 'errors', label: 'errors', unit: '' },
    ],
    warmUp: true,
    unit: 'round trip',
    async measure({ running, loads, plan }) {
      const job = { ...running.address, sockets, inFlight, messageBytes: SMALL_BYTES, seconds: plan.seconds }
      const [answers, used] = await withCpu(running, () => loads.echo(job))
      const { count, seconds, p99Ms, errors } = answers
      return { rate: count / seconds, p99: p99Ms, errors, units: count, ...perUnit(used, count / MICROSECONDS) }
    },
  }
}

/** 1 MiB messages on one socket, two under way. MB/s counts each message once. */
export const largeEcho: Workload = {
  name: 'ws-large',
  title: 'WebSocket echo, 1 MiB messages',
  metrics: [
    { key: 'rate', label: 'speed', unit: 'MB/s' },
    ...cpuMetrics('s/GiB', false),
    { key: 'errors', label: 'errors', unit: '' },
  ],
  warmUp: true,
  unit: 'GiB',
  async measure({ running, loads, plan }) {
    const job = { ...running.address, sockets: 1, inFlight: 2, messageBytes: LARGE_BYTES, seconds: plan.seconds }
    const [{ count, seconds, errors }, used] = await withCpu(running, () => loads.echo(job))
    const units = count / 1_024
    return { rate: (count * LARGE_BYTES) / seconds / 1e6, errors, units, ...perUnit(used, units) }
  },
}
