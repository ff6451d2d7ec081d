import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BodyReader } from './body.js'
import { type ByteWriter, writeChunk, writeLastChunk } from './chunked.js'

class Collector implements ByteWriter {
  readonly parts: Buffer[] = []
  corked = 0
  more = true

  cork(): void {
    this.corked++
  }

  uncork(): void {
    this.corked--
  }

  write(data: Buffer | string, encoding?: BufferEncoding): boolean {
    this.parts.push(typeof data === 'string' ? Buffer.from(data, encoding) : data)
    return this.more
  }
}

test('what is written decodes to the same bytes and trailers', () => {
  const part = fc.uint8Array({ maxLength: 5_000 }).map((bytes) => Buffer.from(bytes))
  const trailers = fc.constantFrom('', 'X-Sum: 1\r\n', 'A: \xff\r\nB:\r\n')
  const check = fc.property(fc.array(part, { maxLength: 10 }), trailers, (parts, lines) => {
    const to = new Collector()
    for (const each of parts) writeChunk(to, each)
    writeLastChunk(to, lines)
    assert.equal(to.corked, 0)
    const body: Buffer[] = []
    let ended: string | undefined
    const sink = {
      onBody: (each: Buffer) => body.push(each),
      onBodyEnd: (text: string) => {
        ended = text
      },
    }
    const reader = new BodyReader('chunked', -1, sink, 'TUN_ERR_BAD_REQUEST')
    const bytes = Buffer.concat(to.parts)
    assert.equal(reader.feed(bytes, 0), bytes.length)
    assert.ok(Buffer.concat(body).equals(Buffer.concat(parts)))
    assert.equal(ended, lines)
  })
  fc.assert(check)
})

test('an empty part writes nothing: it would end the body', () => {
  const to = new Collector()
  assert.equal(writeChunk(to, Buffer.alloc(0)), true)
  assert.deepEqual(to.parts, [])
})

test('a payload is written without a copy, and a full writer is told of', () => {
  const to = new Collector()
  to.more = false
  const part = Buffer.from('hello')
  assert.equal(writeChunk(to, part), false)
  assert.equal(to.parts[1], part)
  assert.equal(Buffer.concat(to.parts).toString(), '5\r\nhello\r\n')
  assert.equal(writeLastChunk(to, ''), false)
})
