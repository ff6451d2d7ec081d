import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { readBuffer } from './read-buffer.js'
import { openSocket } from './socket.js'

const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 2_000 }), fc.integer({ min: 1, max: 65_536 })), {
  maxLength: 30,
})

test('chunks stay as they were read, whatever is read after them and by whom', () => {
  const check = fc.property(sizes, sizes, (one, other) => {
    const kept: Buffer[] = []
    const expected: Buffer[] = []
    const readers = [one, other].map((pieces) => ({ pieces, options: readBuffer((chunk) => kept.push(chunk) > 0) }))
    const current = readers.map(({ options }) => (options.buffer as () => Uint8Array)())
    for (let i = 0; i < Math.max(one.length, other.length); i++) {
      readers.forEach(({ pieces, options }, which) => {
        const size = pieces[i]
        if (size === undefined) return
        const bytes = randomBytes(size)
        expected.push(bytes)
        current[which]!.set(bytes)
        assert.equal(options.callback(size, current[which]!), true)
        current[which] = (options.buffer as () => Uint8Array)()
      })
    }
    assert.ok(Buffer.concat(kept).equals(Buffer.concat(expected)))
    assert.deepEqual(
      kept.map(({ length }) => length),
      expected.map(({ length }) => length),
    )
  })
  fc.assert(check)
})

test('a socket that reads to it pauses in the middle of much, goes on, and ends', async () => {
  const bytes = randomBytes(3_000_000)
  const server = net.createServer((socket) => socket.end(bytes)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { socket } = openSocket({ host: '127.0.0.1', port }, undefined)
  const chunks: Buffer[] = []
  let pauses = 0
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    if (chunks.length % 5 !== 0) return
    pauses++
    const before = chunks.length
    socket.pause()
    setImmediate(() => {
      assert.equal(chunks.length, before)
      socket.resume()
    })
  })
  await once(socket, 'end')
  assert.ok(pauses > 5)
  assert.ok(Buffer.concat(chunks).equals(bytes))
  socket.destroy()
  server.close()
})
