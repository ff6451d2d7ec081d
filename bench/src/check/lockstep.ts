import type { Address } from '../load/job.js'
import { ResponseCounter } from '../load/response.js'
import { visit } from '../load/visitor.js'

const MESSAGE_BYTES = 64

/** Reads what comes, and says so for each answer that is complete. Throws when it is none. */
type Reader = (bytes: Uint8Array) => void

/** The same request `count` times over one connection. Rejects with what was not as it should be. */
export function requests(address: Address, request: Buffer, count: number): Promise<void> {
  return talk(address, request, request, count, (answered) => {
    const counter = new ResponseCounter((status) => {
      if (status !== 200) throw new Error(`the answer was ${status}`)
    }, answered)
    return (bytes) => counter.feed(bytes)
  })
}

/** The same message `count` times over one WebSocket that sends it back. */
export function messages(address: Address, count: number): Promise<void> {
  const opening = [
    `GET /echo HTTP/1.1\r\nHost: ${address.host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`,
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  ]
  const payload = Buffer.alloc(MESSAGE_BYTES, 'x')
  // A masking key of zeros leaves the payload as it is.
  const message = Buffer.concat([Buffer.from([0x82, 0x80 | MESSAGE_BYTES, 0, 0, 0, 0]), payload])
  return talk(address, Buffer.from(opening.join('')), message, count + 1, (answered) => {
    let head = ''
    let upgraded = false
    let received = 0
    return (bytes) => {
      if (!upgraded) {
        head += Buffer.from(bytes).toString('latin1')
        if (!head.endsWith('\r\n\r\n')) return
        if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`no WebSocket: ${head}`)
        upgraded = true
        answered()
        return
      }
      received += bytes.length
      if (received < MESSAGE_BYTES + 2) return
      received = 0
      answered()
    }
  })
}

/** Sends `first`, and then `next` for each answer, until there were `count`: nothing is ever under way beside it, so that each exchange does the same. */
function talk(
  address: Address,
  first: Buffer,
  next: Buffer,
  count: number,
  reader: (answered: () => void) => Reader,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = count
    const read = reader(() => {
      if (--left > 0) socket.write(next)
      else socket.destroy()
    })
    const socket = visit(
      address,
      (bytes) => {
        try {
          read(bytes)
        } catch (error) {
          socket.destroy(error instanceof Error ? error : new Error(String(error)))
        }
        return true
      },
      (error) => {
        if (left === 0) resolve()
        else reject(error ?? new Error('the connection was closed'))
      },
    )
    socket.write(first)
  })
}
