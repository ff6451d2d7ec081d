import type { Address, Answers } from './job.js'
import { Latencies } from './latencies.js'
import { visit } from './visitor.js'

/**
 * WebSockets on which `inFlight` messages are always under way. The same frame is sent again and again, and what comes
 * back is counted in bytes, so that the load costs little: a masking key of zeros leaves the payload as it is.
 */
export function echo(
  job: Address & { sockets: number; inFlight: number; messageBytes: number; seconds: number },
): Promise<Answers> {
  const payload = Buffer.alloc(job.messageBytes, 'x')
  const sent = Buffer.concat([frameHeader(payload.length, 0x80), Buffer.alloc(4), payload])
  const expected = Buffer.concat([frameHeader(payload.length, 0), payload])
  const latencies = new Latencies()
  let count = 0
  let errors = 0
  let over = false
  let startedAt = performance.now()

  const open = (): Promise<() => void> =>
    new Promise((resolve) => {
      const askedAt: number[] = []
      let upgrading = ''
      let upgraded = false
      let received = 0
      const ask = () => {
        askedAt.push(performance.now())
        socket.write(sent)
      }
      const socket = visit(
        job,
        (bytes) => {
          if (!upgraded) {
            upgrading += Buffer.from(bytes).toString('latin1')
            if (!upgrading.includes('\r\n\r\n')) return true
            upgraded = upgrading.startsWith('HTTP/1.1 101 ') && upgrading.endsWith('\r\n\r\n')
            if (!upgraded) socket.destroy()
            else
              resolve(() => {
                for (let index = 0; index < job.inFlight; index++) ask()
              })
            return true
          }
          // The first byte of each frame says whether we are still where we believe to be.
          if (received % expected.length === 0 && bytes[0] !== expected[0]) socket.destroy()
          const before = Math.floor(received / expected.length)
          received += bytes.length
          const messages = Math.floor(received / expected.length) - before
          for (let index = 0; index < messages && !over; index++) {
            count++
            latencies.add(performance.now() - (askedAt.shift() ?? 0))
            ask()
          }
          return true
        },
        () => {
          if (!over) errors++
          resolve(() => {})
        },
      )
      socket.write(
        `GET /echo HTTP/1.1\r\nHost: ${job.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      )
    })

  return new Promise((resolve) => {
    Promise.all(Array.from({ length: job.sockets }, open)).then((starts) => {
      startedAt = performance.now()
      for (const start of starts) start()
      setTimeout(() => {
        over = true
        resolve({ count, errors, seconds: (performance.now() - startedAt) / 1_000, ...latencies.percentiles() })
      }, job.seconds * 1_000)
    })
  })
}

/** Of one final binary frame. */
function frameHeader(length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.from([0x82, maskBit | length])
  if (length < 65_536) return Buffer.from([0x82, maskBit | 126, length >> 8, length & 255])
  const header = Buffer.alloc(10)
  header[0] = 0x82
  header[1] = maskBit | 127
  header.writeUIntBE(length, 4, 6)
  return header
}
