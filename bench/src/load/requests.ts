import type { Address, Answers } from './job.js'
import { Latencies } from './latencies.js'
import { ResponseCounter } from './response.js'
import { visit } from './visitor.js'

/** The equal of wrk where there is none: each connection asks again as soon as it has its answer. SIGTERM ends it before its time. */
export function requests(job: Address & { path: string; connections: number; seconds: number }): Promise<Answers> {
  const request = Buffer.from(`GET ${job.path} HTTP/1.1\r\nHost: ${job.host}\r\n\r\n`)
  const latencies = new Latencies()
  const startedAt = performance.now()
  let count = 0
  let errors = 0
  let over = false

  const connectOnce = (): void => {
    let askedAt = 0
    let ok = false
    const ask = () => {
      askedAt = performance.now()
      socket.write(request)
    }
    const counter = new ResponseCounter(
      (status) => {
        ok = status === 200
      },
      () => {
        if (over) return
        if (ok) count++
        else errors++
        latencies.add(performance.now() - askedAt)
        ask()
      },
    )
    const socket = visit(
      job,
      (bytes) => {
        try {
          counter.feed(bytes)
        } catch {
          socket.destroy()
        }
        return true
      },
      () => {
        if (over) return
        errors++
        setTimeout(connectOnce, 10)
      },
    )
    socket.once('connect', ask)
  }
  for (let index = 0; index < job.connections; index++) connectOnce()
  return new Promise((resolve) => {
    const finish = () => {
      over = true
      resolve({ count, errors, seconds: (performance.now() - startedAt) / 1_000, ...latencies.percentiles() })
    }
    setTimeout(finish, job.seconds * 1_000)
    process.once('SIGTERM', finish)
  })
}
