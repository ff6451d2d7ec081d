import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { cut, cuts, fuzzing, mutated, type OpenedStream, requests, SessionPair, turn } from 'tunnel-protocol/testing'
import { edgeSettings } from '../testing/memory-edge.js'
import { EdgeListener } from './listener.js'

// The same as in visitor.fuzz.test.ts over the sockets of the system: what counts is that everything is gone afterwards.

const visits = fc.array(
  fc.tuple(
    fc.array(mutated(requests()), { minLength: 1, maxLength: 3 }).map((list) => Buffer.concat(list)),
    cuts,
    fc.nat(12),
    fc.constantFrom('end', 'destroy', 'reset'),
  ),
  { minLength: 1, maxLength: 4 },
)

/** An app that answers at once, or when it has read the request, or says nothing. */
function answer({ stream, handler, open }: OpenedStream): void {
  const say = () => {
    stream.sendHead('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n', false)
    stream.write(Buffer.alloc(1_000))
    stream.end()
  }
  if (stream.id % 3 === 0 || open.kind === 2) say()
  else if (stream.id % 3 === 1) handler.onEnd = say
}

async function visit(socket: Socket, parts: Buffer[], leaving: string): Promise<void> {
  for (const part of parts) {
    if (socket.destroyed) return
    socket.write(part)
    await turn()
  }
  if (leaving === 'end') socket.end()
  else if (leaving === 'destroy') socket.destroy()
  else socket.resetAndDestroy()
}

const DEADLINE_MS = 30_000

test('of visitors who send anything and leave in any way nothing is left', async () => {
  const pair = new SessionPair()
  pair.onOpen = answer
  const settings = edgeSettings(pair.server, (socket) => void socket.destroy())
  const edge = new EdgeListener({
    ...settings,
    certificate: undefined,
    isTrusted: () => false,
  })
  const port = await edge.listen({ domain: settings.domain, port: 0, host: ['127.0.0.1'], inherited: [] })
  const check = fc.asyncProperty(visits, async (list) => {
    const sockets = await Promise.all(
      list.map(async ([bytes, at, kept, leaving]) => {
        const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true })
        socket.on('error', () => {}).resume()
        socket.on('end', () => socket.end())
        await once(socket, 'connect')
        void visit(socket, cut(bytes, at).slice(0, kept), leaving)
        return socket
      }),
    )
    const deadline = Date.now() + DEADLINE_MS
    const left = () => [edge.connectionCount, pair.server.streamCount, pair.agent.streamCount, edge.admission.visitors]
    while (sockets.some((socket) => !socket.destroyed) || left().some((count) => count > 0)) {
      assert.ok(Date.now() < deadline, `left: ${left().join(', ')}`)
      pair.pump()
      await turn()
    }
    assert.deepEqual([pair.closed.server, pair.closed.agent], [[], []])
  })
  try {
    await fc.assert(check, fuzzing(300))
  } finally {
    await edge.close()
  }
  assert.ok(pair.opened.length > fuzzing(50).numRuns, `only ${pair.opened.length} requests came through`)
})
