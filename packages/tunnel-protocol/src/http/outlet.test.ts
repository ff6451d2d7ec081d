import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Outlet } from './outlet.js'

/** A socket that is full from `capacity` bytes on, until drain() is called. */
class Socket {
  written: Buffer[] = []
  writableNeedDrain = false
  #held = 0
  readonly #capacity: number

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  cork(): void {}
  uncork(): void {}
  get writableLength(): number {
    return this.writableNeedDrain ? this.#held : 0
  }

  write(data: Buffer): boolean {
    this.written.push(Buffer.from(data))
    this.#held += data.length
    if (this.#held >= this.#capacity) this.writableNeedDrain = true
    return !this.writableNeedDrain
  }

  drain(): void {
    this.#held = 0
    this.writableNeedDrain = false
  }

  get text(): string {
    return Buffer.concat(this.written).toString()
  }
}

function outlet(capacity: number) {
  const socket = new Socket(capacity)
  const out = new Outlet(socket)
  const source = {
    bytes: 0,
    consumed(bytes: number) {
      this.bytes += bytes
    },
  }
  out.begin(source)
  /** In a turn of its own. */
  const write = (part: string | Buffer, chunked = false) => {
    out.write(Buffer.from(part as string), chunked)
    out.send()
  }
  return { socket, out, source, write }
}

test('what the socket takes is paid for at once, the rest when it has drained', () => {
  const { socket, out, source, write } = outlet(10)
  write('12345')
  assert.equal(source.bytes, 5)
  write('67890')
  write('ab')
  assert.deepEqual([source.bytes, out.empty, socket.text], [5, false, '1234567890'])
  socket.drain()
  out.drained()
  assert.deepEqual([source.bytes, out.empty, socket.text], [12, true, '1234567890ab'])
})

test('for a full socket, ten thousand one-byte pieces become a few, in order', () => {
  const { socket, out, source, write } = outlet(4)
  write('full')
  for (let i = 0; i < 10_000; i++) write(String(i % 10))
  assert.equal(socket.written.length, 1)
  socket.drain()
  out.drained()
  assert.ok(socket.written.length < 20)
  assert.equal(socket.text, `full${'0123456789'.repeat(1_000)}`)
  assert.equal(source.bytes, 4)
  socket.drain()
  out.drained()
  assert.equal(source.bytes, 10_004)
})

test('a large piece never overtakes small ones that wait', () => {
  const { socket, out, write } = outlet(4)
  write('full')
  write(Buffer.alloc(20_000, 'L'))
  assert.equal(socket.written.length, 2) // kept as it is: the socket holds it as well as we would
  write('s')
  write(Buffer.alloc(20_000, 'M'))
  socket.drain()
  out.drained()
  assert.equal(socket.text, `full${'L'.repeat(20_000)}s${'M'.repeat(20_000)}`)
})

test('a socket gets 256 KiB and no more until they are gone, so that a slow reader is seen to move; what breaks off gets all', () => {
  const { socket, out, source } = outlet(1)
  const piece = Buffer.alloc(64 * 1024, 'x')
  for (let i = 0; i < 14; i++) out.write(piece, false)
  let emptied = 0
  out.whenEmpty(() => emptied++)
  const drain = () => {
    socket.drain()
    out.drained()
    return [socket.written.length, source.bytes / piece.length, emptied]
  }
  assert.deepEqual([socket.written.length, out.empty], [4, false])
  assert.deepEqual(drain(), [8, 4, 0])
  out.write(piece, false)
  assert.deepEqual(drain(), [12, 8, 0])
  out.flush()
  assert.deepEqual([socket.written.length, out.empty, emptied], [15, true, 1])
  assert.deepEqual(drain(), [15, 15, 1])
})

test('pieces of a chunked body become chunks, gathered ones one chunk together', () => {
  const { socket, out, write } = outlet(8)
  write('abc', true)
  write('d', true)
  write('e', true)
  socket.drain()
  out.drained()
  assert.equal(socket.text, '3\r\nabc\r\n2\r\nde\r\n')
})

test('who wants to write behind the body is called once all of it is out', () => {
  const { socket, out, write } = outlet(4)
  const calls: string[] = []
  write('full')
  write('x')
  out.whenEmpty(() => calls.push(socket.text))
  assert.deepEqual(calls, [])
  socket.drain()
  out.drained()
  out.drained()
  assert.deepEqual(calls, ['fullx'])
})

test('the next exchange gets nothing that was owed or waiting before it', () => {
  const { socket, out, source, write } = outlet(4)
  write('full')
  write('x')
  const next = { consumed: () => assert.fail('paid for what another one sent') }
  out.begin(next)
  socket.drain()
  out.drained()
  assert.deepEqual([socket.text, source.bytes], ['full', 0])
})

test('a head and small pieces of one turn are one write; nothing is written before its end', async () => {
  const { socket, out, source } = outlet(1_000)
  out.text('head\r\n')
  out.write(Buffer.from('body'), true)
  out.piece(Buffer.from('!'))
  assert.deepEqual([socket.written.length, source.bytes], [0, 0])
  await new Promise<void>((resolve) => process.nextTick(resolve))
  assert.deepEqual([socket.written.length, source.bytes, socket.text], [1, 4, 'head\r\n4\r\nbody\r\n!'])
})

test('bulk goes out as it is, between what was gathered around it', () => {
  const { socket, out, source } = outlet(1_000_000)
  const bulk = Buffer.alloc(64 * 1024, 'b')
  out.text('head')
  out.write(bulk, false)
  out.text('tail')
  out.send()
  assert.deepEqual([socket.written.map(({ length }) => length), source.bytes], [[4, bulk.length, 4], bulk.length])
})

test('what one turn gathered for several sockets goes to each of them', async () => {
  const outlets = [outlet(1_000), outlet(1_000), outlet(1_000)]
  for (const round of ['a', 'b']) for (const [i, { out }] of outlets.entries()) out.text(round + i)
  await new Promise<void>((resolve) => process.nextTick(resolve))
  assert.deepEqual(
    outlets.map(({ socket }) => socket.text),
    ['a0b0', 'a1b1', 'a2b2'],
  )
})
