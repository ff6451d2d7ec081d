import { randomBytes } from 'node:crypto'
import { crowd } from '../crowd.js'
import type { Attack } from '../scene.js'
import { Visitor } from '../visitor.js'

const AT_ONCE = 1_000

/** The record and handshake headers of a TLS ClientHello in front of what is random in one. */
function clientHello(): Buffer {
  return Buffer.concat([Buffer.from('160301020001' + '0001fc0303', 'hex'), randomBytes(508)])
}

/** Each is answered, refused or given up; none waits for more than the head's time-out. */
const kinds: Array<(victim: string) => Buffer | string> = [
  clientHello,
  () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
  () => randomBytes(4_096),
  () => 'GET /\r\n\r\n',
  (victim) => `GET / HTTP/1.1\r\nHost: ${victim}\r\nX-Line: ${'x'.repeat(200_000)}`,
  (victim) => `GET / HTTP/1.1\r\nHost: ${victim}\r\n${'a:\r\n'.repeat(30_000)}`,
  (victim) => `GET / HTTP/1.1\r\nHost: ${victim}\r\nNo Header: x\r\n\r\n`,
  (victim) => `POST / HTTP/1.1\r\nHost: ${victim}\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  (victim) => `POST /upload HTTP/1.1\r\nHost: ${victim}\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n`,
  (victim) => `GET / HTTP/1.1\r\nHost: ${victim}`,
]

/** What a public port meets within the hour. */
export const garbage: Attack = {
  name: 'garbage',
  title: 'connections that send what is no HTTP',
  count: { full: 10_000, quick: 2_000 },
  serverArgs: ['--head-timeout', '3s'],
  run: ({ port, victim }, count) =>
    crowd(count, AT_ONCE, async (index) => {
      const visitor = new Visitor(port)
      visitor.send(kinds[index % kinds.length]!(victim))
      return visitor.outcome
    }),
}
