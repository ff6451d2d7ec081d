import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Gather } from '../gather.js'
import { BodyReader } from './body.js'
import { writeChunk, writeLastChunk } from './chunked.js'

test('what is written decodes to the same bytes and trailers', () => {
  const part = fc.uint8Array({ maxLength: 5_000 }).map((bytes) => Buffer.from(bytes))
  const trailers = fc.constantFrom('', 'X-Sum: 1\r\n', 'A: \xff\r\nB:\r\n')
  const check = fc.property(fc.array(part, { maxLength: 10 }), trailers, (parts, lines) => {
    const to = new Gather()
    for (const each of parts) writeChunk(to, each)
    writeLastChunk(to, lines)
    const body: Buffer[] = []
    let ended: string | undefined
    const sink = {
      onBody: (each: Buffer) => body.push(each),
      onBodyEnd: (text: string) => {
        ended = text
      },
    }
    const reader = new BodyReader('chunked', -1, sink, 'TUN_ERR_BAD_REQUEST')
    const bytes = Buffer.concat(to.take())
    assert.equal(reader.feed(bytes, 0), bytes.length)
    assert.ok(Buffer.concat(body).equals(Buffer.concat(parts)))
    assert.equal(ended, lines)
  })
  fc.assert(check)
})

test('an empty part writes nothing: it would end the body', () => {
  const to = new Gather()
  writeChunk(to, Buffer.alloc(0))
  assert.deepEqual(to.take(), [])
})

test('a bulk payload is written without a copy', () => {
  const to = new Gather()
  const part = Buffer.alloc(64 * 1024)
  writeChunk(to, part)
  assert.equal(to.take()[1], part)
})
