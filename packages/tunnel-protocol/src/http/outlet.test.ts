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
  write(data: Buffer | string): boolean {
    this.written.push(Buffer.from(data as Buffer))
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
  return { socket, out, source }
}

test('what the socket takes is paid for at once, the rest when it has drained', () => {
  const { socket, out, source } = outlet(10)
  out.write(Buffer.from('12345'), false)
  assert.equal(source.bytes, 5)
  out.write(Buffer.from('67890'), false)
  out.write(Buffer.from('ab'), false)
  assert.deepEqual([source.bytes, out.empty, socket.text], [5, false, '1234567890'])
  socket.drain()
  out.drained()
  assert.deepEqual([source.bytes, out.empty, socket.text], [12, true, '1234567890ab'])
})

test('for a full socket, ten thousand one-byte pieces become a few, in order', () => {
  const { socket, out, source } = outlet(4)
  out.write(Buffer.from('full'), false)
  for (let i = 0; i < 10_000; i++) out.write(Buffer.from(String(i % 10)), false)
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
  const { socket, out } = outlet(4)
  out.write(Buffer.from('full'), false)
  out.write(Buffer.alloc(20_000, 'L'), false)
  assert.equal(socket.written.length, 2) // kept as it is: the socket holds it as well as we would
  out.write(Buffer.from('s'), false)
  out.write(Buffer.alloc(20_000, 'M'), false)
  socket.drain()
  out.drained()
  assert.equal(socket.text, `full${'L'.repeat(20_000)}s${'M'.repeat(20_000)}`)
})

test('pieces of a chunked body become chunks, gathered ones one chunk together', () => {
  const { socket, out } = outlet(8)
  out.write(Buffer.from('abc'), true)
  out.write(Buffer.from('d'), true)
  out.write(Buffer.from('e'), true)
  socket.drain()
  out.drained()
  assert.equal(socket.text, '3\r\nabc\r\n2\r\nde\r\n')
})

test('who wants to write behind the body is called once all of it is out', () => {
  const { socket, out } = outlet(4)
  const calls: string[] = []
  out.write(Buffer.from('full'), false)
  out.write(Buffer.from('x'), false)
  out.whenEmpty(() => calls.push(socket.text))
  assert.deepEqual(calls, [])
  socket.drain()
  out.drained()
  out.drained()
  assert.deepEqual(calls, ['fullx'])
})

test('the next exchange gets nothing that was owed or waiting before it', () => {
  const { socket, out, source } = outlet(4)
  out.write(Buffer.from('full'), false)
  out.write(Buffer.from('x'), false)
  const next = { consumed: () => assert.fail('paid for what another one sent') }
  out.begin(next)
  socket.drain()
  out.drained()
  assert.deepEqual([socket.text, source.bytes], ['full', 0])
})
