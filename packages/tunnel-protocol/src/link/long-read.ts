import type { Socket } from 'node:net'

/**
 * One readable socket is read up to 32 times before another one has its turn. That is well for bulk data; with frames or chunks of a few bytes
 * it would be half a second for a handful of them, so whoever's read took longer than this waits for the next turn.
 */
const LONG_READ_MS = 1

/** Call after each read, with performance.now() from before it. Leaves a socket that is paused for other reasons to those. */
export function yieldAfterLongRead(startedAt: number, socket: Socket): void {
  if (performance.now() - startedAt <= LONG_READ_MS || socket.isPaused()) return
  socket.pause()
  setImmediate(() => socket.resume())
}
