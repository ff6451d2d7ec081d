import type { Address, Carried } from './job.js'
import { ResponseCounter } from './response.js'
import { visit } from './visitor.js'

const PART_BYTES = 256 * 1_024

/** `bytes` in all, over `streams` connections at once; each waits for the origin's answer. */
export async function upload(job: Address & { streams: number; bytes: number; chunked: boolean }): Promise<Carried> {
  const parts = Math.ceil(job.bytes / job.streams / PART_BYTES)
  const startedAt = performance.now()
  const sent = await Promise.all(Array.from({ length: job.streams }, () => uploadOne(job, parts, job.chunked)))
  const errors = sent.filter((bytes) => bytes !== parts * PART_BYTES).length
  return { bytes: sent.reduce((sum, each) => sum + each, 0), seconds: (performance.now() - startedAt) / 1_000, errors }
}

/** Resolves to the bytes that the origin has counted; 0 when it did not get to say. */
function uploadOne(address: Address, parts: number, chunked: boolean): Promise<number> {
  const body = Buffer.alloc(PART_BYTES, 'x')
  const part = chunked
    ? Buffer.concat([Buffer.from(`${PART_BYTES.toString(16)}\r\n`), body, Buffer.from('\r\n')])
    : body
  const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${parts * PART_BYTES}`
  return new Promise((resolve) => {
    let left = parts
    let answer = ''
    let done = false
    const counter = new ResponseCounter(
      () => {},
      () => {
        done = true
        socket.destroy()
      },
    )
    const socket = visit(
      address,
      (bytes) => {
        answer += Buffer.from(bytes).toString('latin1')
        try {
          counter.feed(bytes)
        } catch {
          socket.destroy()
        }
        return true
      },
      () => resolve(done ? Number(/^HTTP\/1\.1 200 .*\r\n\r\n(\d+)$/s.exec(answer)?.[1] ?? 0) : 0),
    )
    const send = () => {
      while (left > 0) {
        left--
        if (!socket.write(part)) return
      }
      if (chunked && left === 0) socket.write('0\r\n\r\n')
      left = -1
    }
    socket.write(`POST /upload HTTP/1.1\r\nHost: ${address.host}\r\n${framing}\r\n\r\n`)
    socket.on('drain', () => {
      if (left >= 0) send()
    })
    send()
  })
}
