import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/**
 * After 'end': calls back when the peer has really ended, and not at all when it has reset or the socket has been destroyed because
 * its owner knows better; then 'error' and 'close' follow.
 * Node 20 and 22 take a reset that comes together with the last bytes for an end; an empty write fails after a reset. What can't be
 * asked that way, because bytes are still waiting to be written or TLS is in between, counts as an end.
 */
export function whenEndIsClean(socket: Socket, onEnd: () => void): void {
  if (socket.destroyed) return
  if (socket.writableLength > 0 || socket.writableEnded || socket instanceof TLSSocket) onEnd()
  else {
    socket.write('', (error) => {
      if (!error) onEnd()
    })
  }
}
