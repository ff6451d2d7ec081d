import type { OnReadOpts } from 'node:net'

/** As much as Node reads at once by itself. */
const BUFFER_BYTES = 64 * 1024
/** Chunks from here on are handed out in the memory they were read to; smaller ones are copied out of it. In bytes. */
const BULK_BYTES = 16 * 1024

/** What sockets read to that have little to say: one for all, as a chunk is copied out of it before another one is read. */
const shared = Buffer.allocUnsafeSlow(BUFFER_BYTES)

/**
 * Where a socket reads to (`onread` of net.Socket). Left to itself Node makes 64 KiB outside of the heap for each read, be it of one byte, and
 * leaves them to the garbage collector: for a small answer that costs more than the reading. `onChunk` gets chunks that are its own to keep;
 * returning false stops the reading until socket.resume().
 */
export function readBuffer(onChunk: (chunk: Buffer) => boolean): OnReadOpts {
  let buffer = shared
  return {
    // Asked for after each read.
    buffer: () => buffer,
    callback: (bytes, read) => {
      const isBulk = bytes >= BULK_BYTES
      buffer = isBulk ? Buffer.allocUnsafeSlow(BUFFER_BYTES) : shared
      if (isBulk && read !== shared) return onChunk((read as Buffer).subarray(0, bytes))
      const chunk = Buffer.allocUnsafe(bytes)
      ;(read as Buffer).copy(chunk, 0, 0, bytes)
      return onChunk(chunk)
    },
  }
}
