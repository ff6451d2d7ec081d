import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FRAME_HEADER_BYTES, FrameType, MAX_CONTROL_BYTES, MAX_DATA_BYTES, MAX_FRAME_BYTES } from '../constants.js'
import { type FrameHeader, readHeader, writeHeader } from './header.js'

const empty = (): FrameHeader => ({ type: 0, flags: 0, streamId: 0, length: 0 })

test('a header is type, flags, stream id and length, big-endian', () => {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES)
  assert.equal(writeHeader(bytes, 0, 0x13, 1, 0x01020304, 0x0000ffff), FRAME_HEADER_BYTES)
  assert.equal(bytes.toString('hex'), '13010102030400' + '00ffff')
})

test('what is written at any offset is read back', () => {
  const u8 = fc.nat(0xff)
  const check = fc.property(
    u8,
    u8,
    fc.nat(0xffff_ffff),
    fc.nat(MAX_CONTROL_BYTES),
    fc.nat(20),
    (type, flags, streamId, length, at) => {
      const bytes = Buffer.alloc(at + FRAME_HEADER_BYTES)
      assert.equal(writeHeader(bytes, at, type, flags, streamId, length), bytes.length)
      assert.deepEqual(readHeader(bytes, at, empty()), { type, flags, streamId, length })
    },
  )
  fc.assert(check)
})

test('reading a header fills the object it is given and makes no new one', () => {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES)
  const into = empty()
  assert.equal(readHeader(bytes, 0, into), into)
})

const rows: Array<[string, number, number]> = [
  ['DATA', FrameType.Data, MAX_DATA_BYTES],
  ['a frame of unknown type', 0x7f, MAX_DATA_BYTES],
  ['OPEN', FrameType.Open, MAX_FRAME_BYTES],
  ['CONTROL', FrameType.Control, MAX_CONTROL_BYTES],
  ['CREDIT', FrameType.Credit, MAX_FRAME_BYTES],
]
for (const [name, type, limit] of rows) {
  test(`${name} may claim ${limit} bytes and not one more`, () => {
    const bytes = Buffer.alloc(FRAME_HEADER_BYTES)
    writeHeader(bytes, 0, type, 0, 1, limit)
    assert.equal(readHeader(bytes, 0, empty()).length, limit)
    writeHeader(bytes, 0, type, 0, 1, limit + 1)
    assert.throws(() => readHeader(bytes, 0, empty()), { code: 'TUN_ERR_PROTOCOL' })
    writeHeader(bytes, 0, type, 0, 1, 0xffff_ffff)
    assert.throws(() => readHeader(bytes, 0, empty()), { code: 'TUN_ERR_PROTOCOL' })
  })
}
