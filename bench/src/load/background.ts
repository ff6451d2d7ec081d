import { connect } from 'node:net'
import { LOOPBACK } from '../process/ports.js'
import type { Address, Carried } from './job.js'
import { ResponseCounter } from './response.js'
import { visit } from './visitor.js'

/** More than can be carried before the run is over. */
const ENDLESS_BYTES = 1e14
const STAY_MS = 60_000

/** Downloads that do not end and visitors that ask and never read, until SIGTERM. */
export function background(job: Address & { downloads: number; stuck: number }): Promise<Carried> {
  const request = `GET /download/${ENDLESS_BYTES} HTTP/1.1\r\nHost: ${job.host}\r\n\r\n`
  const startedAt = performance.now()
  let bytes = 0
  let errors = 0
  let over = false
  const broken = () => {
    if (!over) errors++
  }
  for (let index = 0; index < job.downloads; index++) {
    const counter = new ResponseCounter((status) => status === 200 || broken(), broken)
    const socket = visit(
      job,
      (part) => {
        try {
          bytes += counter.feed(part)
        } catch {
          socket.destroy()
        }
        return true
      },
      broken,
    )
    socket.write(request)
  }
  for (let index = 0; index < job.stuck; index++) {
    const socket = connect({ port: job.port, host: job.ip ?? LOOPBACK })
    socket.on('error', () => {}).on('close', broken)
    socket.write(request)
  }
  return new Promise((resolve) => {
    // A socket that nobody reads does not keep a process going.
    const stay = setInterval(() => {}, STAY_MS)
    process.once('SIGTERM', () => {
      over = true
      clearInterval(stay)
      resolve({ bytes, errors, seconds: (performance.now() - startedAt) / 1_000 })
    })
  })
}
