import type { Socket } from 'node:net'

let corked: Socket[] = []

function uncorkAll(): void {
  const sockets = corked
  corked = []
  for (let i = 0; i < sockets.length; i++) sockets[i]!.uncork()
}

/** Hold what is written to `socket` until all frames of this turn have been read, so that head and body leave in one system call. */
export function corkForTurn(socket: Socket): void {
  if (socket.writableCorked > 0) return
  if (corked.length === 0) process.nextTick(uncorkAll)
  socket.cork()
  corked.push(socket)
}
