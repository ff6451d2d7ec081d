import net, { type OnReadOpts, type Socket } from 'node:net'
import { readBuffer, usesReadBuffers } from './read-buffer.js'

/** Options of a socket that reads as one of ours does; `handle` is what net.Server gives a socket that it accepted. */
type Options = net.SocketConstructorOpts & { highWaterMark: number; handle?: unknown; onread?: OnReadOpts }

/** A socket whose 'data' comes through readBuffer(), where that is used. */
export function readingSocket(options: Options): Socket {
  if (!usesReadBuffers()) return new net.Socket(options)
  const onread = readBuffer((chunk) => {
    socket.emit('data', chunk)
    return !socket.isPaused()
  })
  const socket: Socket = new net.Socket({ ...options, onread } as net.SocketConstructorOpts)
  return socket
}

/** What a socket has that Node keeps to itself, in every version from 20 to 26. */
interface Inner {
  _handle?: { useUserBuffer?: unknown; readStop?: () => void } | null
  _server?: unknown
}

/**
 * A socket that a net.Server has accepted, here or in another process, as one that reads through readBuffer(). Node has no way to say so beforehand, so its
 * handle moves to a new socket. Where that can't be done it is returned as it is, and works as well, only slower. Call before anything is read or listened to.
 */
export function withReadBuffer(accepted: Socket, options: Options): Socket {
  const inner = accepted as unknown as Inner
  const { _handle: handle, _server: server } = inner
  const canMove = typeof handle?.useUserBuffer === 'function' && accepted.readableLength === 0
  if (!canMove || !usesReadBuffers()) return accepted
  inner._handle = null
  inner._server = null
  accepted.destroy()
  const socket = readingSocket({ ...options, handle })
  // Counted there until it closes.
  ;(socket as unknown as Inner)._server = server
  return socket
}

/**
 * Read nothing more of a socket that another process is about to get. Node goes on reading one that it sends until the other one has confirmed it, and loses
 * what comes meanwhile; pausing alone stops only some sockets at once.
 */
export function stopReading(socket: Socket): void {
  socket.pause()
  ;(socket as unknown as Inner)._handle?.readStop?.()
}
