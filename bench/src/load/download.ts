import type { Address, Carried } from './job.js'
import { ResponseCounter } from './response.js'
import { visit } from './visitor.js'

const PACE_MS = 10

/** `bytes` in all, over `streams` connections at once. `bytesPerSecond` 0: as fast as they come. */
export async function download(
  job: Address & { streams: number; bytes: number; bytesPerSecond: number },
): Promise<Carried> {
  const share = Math.ceil(job.bytes / job.streams)
  const pace = job.bytesPerSecond / job.streams
  const startedAt = performance.now()
  const received = await Promise.all(Array.from({ length: job.streams }, () => downloadOne(job, share, pace)))
  const errors = received.filter((bytes) => bytes !== share).length
  return {
    bytes: received.reduce((sum, each) => sum + each, 0),
    seconds: (performance.now() - startedAt) / 1_000,
    errors,
  }
}

/** Resolves to the bytes that came, in full or not. */
function downloadOne(address: Address, bytes: number, bytesPerSecond: number): Promise<number> {
  return new Promise((resolve) => {
    const startedAt = performance.now()
    let received = 0
    let refused = false
    const counter = new ResponseCounter(
      (status) => {
        refused = status !== 200
      },
      () => socket.destroy(),
    )
    const socket = visit(
      address,
      (part) => {
        try {
          received += counter.feed(part)
        } catch {
          socket.destroy()
        }
        if (bytesPerSecond === 0) return true
        const aheadMs = (received / bytesPerSecond) * 1_000 - (performance.now() - startedAt)
        if (aheadMs < PACE_MS) return true
        setTimeout(() => socket.resume(), aheadMs)
        socket.pause()
        return false
      },
      () => resolve(refused ? 0 : received),
    )
    socket.write(`GET /download/${bytes} HTTP/1.1\r\nHost: ${address.host}\r\n\r\n`)
  })
}
