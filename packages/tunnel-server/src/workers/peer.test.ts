import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { type MemorySocket, RecordingHandler, settle, socketPair } from 'tunnel-protocol/testing'
import { Directory } from '../registry/directory.js'
import { Peer, servePeer } from './peer.js'

const asSocket = (socket: MemorySocket) => socket as unknown as Socket

test('a worker can be reached while there is a way to it; a way that is lost is reported, one that is replaced is not', async () => {
  let lost = 0
  const peer = new Peer(2, () => lost++)
  assert.equal(peer.attached, false)
  const ways = [socketPair(), socketPair()] as const
  for (const [, far] of ways) {
    servePeer(asSocket(far), 1, 2, { directory: new Directory(), takeLink() {}, accessLog: undefined })
  }
  peer.connect(asSocket(ways[0][0]))
  assert.equal(peer.attached, true)
  const waiting = new RecordingHandler()
  const stream = peer.session.openStream(1, 1, 'GET / HTTP/1.1\r\n', true, waiting)
  waiting.stream = stream
  peer.connect(asSocket(ways[1][0]))
  await settle()
  assert.deepEqual([peer.attached, lost], [true, 0])
  assert.ok(
    waiting.error !== undefined && peer.hasEnded(waiting.error),
    'what was on the way before may be asked again',
  )

  const unknown = new RecordingHandler()
  unknown.stream = peer.session.openStream(1, 1, 'GET / HTTP/1.1\r\n', true, unknown)
  await settle()
  assert.ok(unknown.error !== undefined && peer.hasEnded(unknown.error), 'a tunnel that has no agent there any more')
  ways[1][1].destroy()
  await settle()
  assert.deepEqual([peer.attached, lost], [false, 1])
  assert.equal(peer.hasEnded(new TunnelError('TUN_ERR_ORIGIN_REFUSED', 'is an answer of a kind')), false)
})
