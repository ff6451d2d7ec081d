import type { OnReadOpts } from 'node:net'

/** As much as Node reads at once by itself. */
const BUFFER_BYTES = 64 * 1024
/** A socket's own. Whoever keeps a chunk keeps all of it. */
const OWN_BYTES = 2 * BUFFER_BYTES
/** Chunks from here on are handed out in the memory they were read to; smaller ones are copied out of it. In bytes. */
const BULK_BYTES = 16 * 1024
/** So many bytes of buffers are made before those that nobody holds any more are collected. */
const COLLECT_AFTER_BYTES = 8 * 1024 * 1024

/** What sockets read to that have little to say: one for all, as a chunk is copied out of it before another one is read. */
const shared = Buffer.allocUnsafeSlow(BUFFER_BYTES)

let collect: (() => void) | undefined
let made = 0

/**
 * Let sockets from now on read to buffers of ours. `collector` frees those that nobody holds any more; it is called after each 8 MiB. Without one, buffers for bulk data would
 * cost more than Node's own do: then sockets read as Node does by itself.
 */
export function useReadBuffers(collector: (() => void) | undefined): void {
  collect = collector
}

export function usesReadBuffers(): boolean {
  return collect !== undefined
}

function ownBuffer(): Buffer {
  made += OWN_BYTES
  if (made >= COLLECT_AFTER_BYTES) {
    made = 0
    collect?.()
  }
  return Buffer.allocUnsafeSlow(OWN_BYTES)
}

/**
 * Where a socket reads to (`onread` of net.Socket). Left to itself Node makes 64 KiB outside of the heap for each read, be it of one byte, and
 * leaves them to the garbage collector: for a small answer that costs more than the reading. `onChunk` gets chunks that are its own to keep;
 * returning false stops the reading until socket.resume().
 */
export function readBuffer(onChunk: (chunk: Buffer) => boolean): OnReadOpts {
  let buffer: Buffer = shared
  return {
    // Asked for after each read.
    buffer: () => buffer,
    callback: (bytes, read) => {
      const from = read as Buffer
      if (bytes < BULK_BYTES || from === shared) {
        buffer = bytes < BULK_BYTES ? shared : ownBuffer()
        const chunk = Buffer.allocUnsafe(bytes)
        from.copy(chunk, 0, 0, bytes)
        return onChunk(chunk)
      }
      // The next one is read to what is left: reads are seldom as large as they could be.
      buffer = from.length - bytes < BUFFER_BYTES ? ownBuffer() : from.subarray(bytes)
      return onChunk(from.subarray(0, bytes))
    },
  }
}
