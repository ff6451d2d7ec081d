import type { Carried } from '../load/job.js'
import { cpuMetrics, perUnit, withCpu } from './cpu.js'
import type { Context, Workload } from './workload.js'

const GIBIBYTE = 1 << 30
const MEGABYTE = 1e6

export function download(streams: number): Workload {
  return transfer(`download-${streams}`, `Download, ${count(streams)}`, ({ running, loads, plan }) =>
    loads.download({ ...running.address, streams, bytes: plan.bytes }),
  )
}

export function upload(streams: number): Workload {
  return transfer(`upload-${streams}`, `Upload, ${count(streams)}, Content-Length`, ({ running, loads, plan }) =>
    loads.upload({ ...running.address, streams, bytes: plan.bytes, chunked: false }),
  )
}

export function chunkedUpload(streams: number): Workload {
  return transfer(`upload-chunked-${streams}`, `Upload, ${count(streams)}, chunked`, ({ running, loads, plan }) =>
    loads.upload({ ...running.address, streams, bytes: plan.bytes, chunked: true }),
  )
}

function transfer(name: string, title: string, carry: (context: Context) => Promise<Carried>): Workload {
  return {
    name,
    title,
    metrics: [
      { key: 'rate', label: 'speed', unit: 'MB/s' },
      ...cpuMetrics('s/GiB'),
      { key: 'errors', label: 'errors', unit: '' },
    ],
    warmUp: true,
    unit: 'GiB',
    async measure(context) {
      const [carried, used] = await withCpu(context.running, () => carry(context))
      // A transfer that broke off says nothing about speed.
      if (carried.errors > 0) return { errors: carried.errors }
      const units = carried.bytes / GIBIBYTE
      return { rate: carried.bytes / carried.seconds / MEGABYTE, errors: 0, units, ...perUnit(used, units) }
    },
  }
}

function count(streams: number): string {
  return streams === 1 ? '1 stream' : `${streams} streams`
}
