import type { Socket } from 'node:net'
import type { PeerFacts } from 'tunnel-protocol'

/** What is known of the other end of `socket`. The port is ours: the one that was dialled. */
export function peerOf(socket: Socket, isTrusted: (address: string) => boolean): PeerFacts {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  return { address, proto: 'http', port: socket.localPort ?? 0, trusted: isTrusted(address), isTrusted }
}
