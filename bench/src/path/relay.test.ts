import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { LOOPBACK } from '../process/ports.js'
import { Stage } from '../process/stage.js'
import { relayedPath } from './relayed.js'

const ROUND_TRIP_MS = 60

test('a relayed connection is a round trip slower each time somebody waits, whole, and half-closed in order', async () => {
  const stage = new Stage()
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, LOOPBACK)
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const path = relayedPath(stage, ROUND_TRIP_MS)
  try {
    const { host, port } = await path.toFar(address.port)
    const sent = randomBytes(3_000_000)
    const startedAt = performance.now()
    const socket = connect({ host, port, allowHalfOpen: true })
    socket.end(sent)
    const received = await buffer(socket)
    assert.ok(received.equals(sent), `${received.length} bytes came back`)
    // One round trip for the connection, one for the echo. Timers may be early by a fraction of a millisecond.
    assert.ok(performance.now() - startedAt >= 2 * ROUND_TRIP_MS - 5)
  } finally {
    await path.close()
    server.close()
  }
})

test('a connection that breaks on one side breaks on the other', async () => {
  const stage = new Stage()
  const server = createServer((socket) => socket.on('error', () => {}).resetAndDestroy()).listen(0, LOOPBACK)
  await once(server, 'listening')
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  const path = relayedPath(stage, ROUND_TRIP_MS)
  try {
    const { host, port } = await path.toFar(address.port)
    const socket = connect({ host, port })
    socket.on('error', () => {})
    await once(socket, 'close')
  } finally {
    await path.close()
    server.close()
  }
})
