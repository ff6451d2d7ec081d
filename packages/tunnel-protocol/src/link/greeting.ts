import { ByteQueue } from '../byte-queue.js'
import { FRAME_HEADER_BYTES, FrameType } from '../constants.js'
import { TunnelError } from '../errors.js'
import { FrameBatch } from '../frame/batch.js'
import { errorPayload } from '../frame/error-payload.js'
import { type FrameHeader, readHeader } from '../frame/header.js'
import type { Link } from './link.js'

/**
 * Read the first frame of a link, before any session has it. The other end has just been told that it may speak: how long it takes tells
 * the link's round-trip time, while nothing else is on its way. Calls exactly one of the two, unless the link is taken away before:
 * `onGreeting` with the type of the frame, its payload and all bytes that came, the frame's own included;
 * `onFailed` when the link ends or what comes is no frame.
 */
export function readGreeting(
  link: Link,
  onGreeting: (type: number, payload: Buffer, bytes: Buffer) => void,
  onFailed: (error: TunnelError) => void,
): void {
  const waiting = new ByteQueue()
  /** Bytes until there is something to look at: a header, then the whole frame. */
  let wanted = FRAME_HEADER_BYTES
  let header: FrameHeader | undefined
  const startedAt = performance.now()

  link.handler = {
    onBytes(chunk) {
      link.roundTripMs ??= performance.now() - startedAt
      waiting.push(chunk)
      while (waiting.bytes >= wanted) {
        const bytes = allOf(waiting)
        if (header !== undefined) {
          link.handler = undefined
          onGreeting(header.type, bytes.subarray(FRAME_HEADER_BYTES, wanted), bytes)
          return
        }
        try {
          header = readGreetingHeader(bytes)
        } catch (error) {
          link.handler = undefined
          link.destroy()
          onFailed(TunnelError.from(error))
          return
        }
        wanted += header.length
        waiting.push(bytes)
      }
    },
    onDrained() {},
    onClosed(reason) {
      link.handler = undefined
      onFailed(new TunnelError('TUN_ERR_SESSION_CLOSED', `the connection was lost (${reason})`))
    },
  }
}

function readGreetingHeader(bytes: Buffer): FrameHeader {
  const header = readHeader(bytes, 0, { type: 0, flags: 0, streamId: 0, length: 0 })
  if (header.type === FrameType.Control || header.type === FrameType.GoAway) return header
  throw new TunnelError('TUN_ERR_PROTOCOL', 'a link begins with a control message')
}

function allOf(queue: ByteQueue): Buffer {
  const parts: Buffer[] = []
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) parts.push(part)
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

/** Send a control message on a link that no session has yet. */
export function sendGreeting(link: Link, message: object): void {
  const batch = new FrameBatch()
  batch.add(FrameType.Control, 0, 0, Buffer.from(JSON.stringify(message)))
  link.send(batch.take())
}

/** End a link that no session has, saying why. */
export function sendGoAway(link: Link, error: TunnelError): void {
  const batch = new FrameBatch()
  batch.add(FrameType.GoAway, 0, 0, errorPayload(error.code, error.detail))
  link.send(batch.take())
  link.close()
}
