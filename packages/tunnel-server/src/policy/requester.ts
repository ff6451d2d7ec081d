import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { provenance } from 'tunnel-protocol'
import { addressGroup } from './address-group.js'
import { peerOf } from './peer.js'

/** Where somebody is who asks for something on the bare domain (see addressGroup): behind trusted proxies, where they say. */
export function requesterOf(
  { headers }: IncomingMessage,
  socket: Socket,
  isTrusted: (address: string) => boolean,
): string {
  const { visitor } = provenance(
    {
      host: undefined,
      forwardedFor: headers['x-forwarded-for']?.toString(),
      forwarded: headers.forwarded?.toString(),
      forwardedProto: undefined,
      forwardedHost: undefined,
      forwardedPort: undefined,
    },
    peerOf(socket, isTrusted),
  )
  return addressGroup(visitor)
}
