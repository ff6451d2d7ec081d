import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { PeerFacts } from 'tunnel-protocol'

/** What is known of the other end of `socket`. The port is ours: the one that was dialled. */
export function peerOf(socket: Socket, isTrusted: (address: string) => boolean): PeerFacts {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '')
  const proto = socket instanceof TLSSocket ? 'https' : 'http'
  return { address, proto, port: socket.localPort ?? 0, trusted: isTrusted(address), isTrusted }
}
