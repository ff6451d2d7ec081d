import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { readBuffer, useReadBuffers } from './read-buffer.js'
import { readingSocket, withReadBuffer } from './reading-socket.js'

useReadBuffers(() => {})

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

const HALF_OPEN = { allowHalfOpen: true, highWaterMark: 65_536 }

async function listening(server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** Reads all, pausing now and then. Returns what came. */
async function readAll(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    if (chunks.length % 5 !== 0) return
    const before = chunks.length
    socket.pause()
    setImmediate(() => {
      assert.equal(chunks.length, before)
      socket.resume()
    })
  })
  await once(socket, 'end')
  assert.ok(chunks.length > 10)
  return Buffer.concat(chunks)
}

test('a socket that reads to it pauses in the middle of much, goes on, and ends', async () => {
  const bytes = randomBytes(3_000_000)
  const server = net.createServer((socket) => socket.end(bytes))
  const port = await listening(server)
  const socket = readingSocket(HALF_OPEN).connect({ port, host: '127.0.0.1' })
  assert.ok((await readAll(socket)).equals(bytes))
  socket.destroy()
  server.close()
})

test('so does one that was accepted; it can answer after the end, and its server counts it until it is closed', async () => {
  const bytes = randomBytes(3_000_000)
  const server = net.createServer({ ...HALF_OPEN, noDelay: true })
  const port = await listening(server)
  const client = net.connect({ ...HALF_OPEN, port, host: '127.0.0.1' })
  client.end(bytes)
  const [accepted] = (await once(server, 'connection')) as [net.Socket]
  const socket = withReadBuffer(accepted, HALF_OPEN)
  assert.notEqual(socket, accepted)
  assert.equal(socket.remotePort, client.localPort)
  let closed = false
  server.close(() => {
    closed = true
  })
  assert.ok((await readAll(socket)).equals(bytes))
  assert.equal(closed, false)
  const gone = once(server, 'close')
  socket.end('thanks')
  assert.equal(Buffer.concat(await client.toArray()).toString(), 'thanks')
  await gone
})

test('buffers for bulk are collected after each 8 MiB', () => {
  let collections = 0
  useReadBuffers(() => collections++)
  const options = readBuffer(() => true)
  for (let bytes = 0; bytes < 80 * 1024 * 1024; bytes += 65_536) {
    options.callback(65_536, (options.buffer as () => Uint8Array)())
  }
  assert.ok(collections === 10 || collections === 9, `${collections} times`)
})

test('where nobody collects, sockets read as Node does', async () => {
  const server = net.createServer()
  const port = await listening(server)
  const client = net.connect(port, '127.0.0.1')
  const [accepted] = (await once(server, 'connection')) as [net.Socket]
  useReadBuffers(undefined)
  assert.equal(withReadBuffer(accepted, HALF_OPEN), accepted)
  useReadBuffers(() => {})
  accepted.destroy()
  client.destroy()
  server.close()
})

test('a socket of another kind stays what it is', async () => {
  const duplex = new net.Socket()
  assert.equal(withReadBuffer(duplex, HALF_OPEN), duplex)
})

test('node:http takes such a socket over, reads requests from it, and gives it back with an upgrade', async () => {
  const web = http.createServer((request, response) => response.end(`${request.method} ${request.url}`))
  web.on('upgrade', (_, socket: net.Socket, head: Buffer) => {
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n${head.toString()}`)
    socket.on('data', (chunk) => socket.write(chunk))
    socket.on('end', () => socket.end())
  })
  const server = net.createServer(HALF_OPEN, (accepted) => {
    const socket = withReadBuffer(accepted, HALF_OPEN)
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.unshift(first)
      web.emit('connection', socket)
      process.nextTick(() => socket.resume())
    })
  })
  const port = await listening(server)
  const client = net.connect({ ...HALF_OPEN, port, host: '127.0.0.1' })
  let said = ''
  const saidAll = async (words: string) => {
    while (!said.includes(words)) await once(client, 'data')
  }
  client.on('data', (chunk) => {
    said += chunk
  })
  client.write('GET /one HTTP/1.1\r\nHost: a\r\n\r\n')
  await saidAll('GET /one')
  client.write('GET /two HTTP/1.1\r\nHost: a\r\n\r\n')
  await saidAll('GET /two')
  client.write('GET /up HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nearly')
  await saidAll('early')
  client.write('late')
  await saidAll('late')
  client.end()
  await once(client, 'end')
  server.close()
})
