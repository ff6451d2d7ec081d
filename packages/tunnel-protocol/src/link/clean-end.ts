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

/**
 * In TLS a stream is complete when close_notify has come. Node takes the bare end of the connection for the same thing, and anybody on
 * the way can make that: with this it destroys `secure` with an error, after all that came before was read. To be called before `secure`
 * looks at its transport; also gives it a resetAndDestroy() that works.
 */
export function endByGoodbyeOnly(transport: Socket, makeSecure: () => TLSSocket): TLSSocket {
  let saidGoodbye = false
  let cut = false
  // Before the listener of TLS, which passes the end on.
  transport.once('end', () => {
    cut = !saidGoodbye
  })
  const secure = makeSecure()
  // Over a transport of its own TLS may report two errors, and the second would have no listener when the first was heard once.
  secure.on('error', () => {})
  const { push } = secure
  secure.push = (chunk, encoding) => {
    if (chunk === null) saidGoodbye = true
    return push.call(secure, chunk, encoding)
  }
  secure.once('end', () => {
    if (cut) secure.destroy(new Error('the connection was closed without close_notify'))
  })
  secure.resetAndDestroy = () => {
    transport.resetAndDestroy()
    return secure.destroy()
  }
  return secure
}
