import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameType, MAX_FRAME_BYTES } from '../constants.js'
import { cut } from '../testing/cut.js'
import { frame } from '../testing/session-pair.js'
import { FrameReader } from './reader.js'

/** Reads `chunks` and joins the parts of DATA, so that cuts don't show. */
function read(chunks: Buffer[]): string[] {
  const seen: string[] = []
  let data = ''
  const reader = new FrameReader({
    onFrame: (type, flags, streamId, bytes, start, end) =>
      seen.push(`${type} ${flags} ${streamId} ${bytes.toString('hex', start, end)}`),
    onData: (streamId, part, end) => {
      data += part.toString('hex')
      if (!end) return
      seen.push(`data ${streamId} ${data}`)
      data = ''
    },
  })
  for (const chunk of chunks) reader.push(chunk)
  if (data !== '') seen.push(`unended ${data}`)
  return seen
}

const types = [...Object.values(FrameType).filter((type) => type !== FrameType.Data), 0x0f, 0x2a]
const anyFrame = fc.oneof(
  fc
    .tuple(fc.constantFrom(...types), fc.nat(255), fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 60 }))
    .map(([type, flags, id, payload]) => ({
      bytes: frame(type, flags, id, Buffer.from(payload)),
      expected:
        type === 0x0f || type === 0x2a ? [] : [`${type} ${flags} ${id} ${Buffer.from(payload).toString('hex')}`],
    })),
  fc.tuple(fc.nat(0xffff_ffff), fc.uint8Array({ maxLength: 60 })).map(([id, payload]) => ({
    bytes: frame(FrameType.Data, 1, id, Buffer.from(payload)),
    expected: [`data ${id} ${Buffer.from(payload).toString('hex')}`],
  })),
)

test('any frames, cut into pieces at any bytes, come out the same', () => {
  const check = fc.property(fc.array(anyFrame, { maxLength: 12 }), fc.array(fc.nat(2_000)), (frames, cuts) => {
    const bytes = Buffer.concat(frames.map((each) => each.bytes))
    assert.deepEqual(
      read(cut(bytes, cuts)),
      frames.flatMap((each) => each.expected),
    )
  })
  fc.assert(check, { numRuns: 500 })
})

test('byte by byte, frames come out the same', () => {
  const bytes = Buffer.concat([
    frame(FrameType.Open, 1, 1, 'open'),
    frame(0x55, 0, 9, 'skipped'),
    frame(FrameType.Data, 0, 1, ''),
    frame(FrameType.Data, 1, 1, 'body'),
    frame(FrameType.Pong, 0, 0, ''),
  ])
  assert.deepEqual(read([...bytes].map((byte) => Buffer.from([byte]))), read([bytes]))
})

test('DATA passes through as it comes, as views and without waiting for its end', () => {
  const parts: Buffer[] = []
  const ends: boolean[] = []
  const reader = new FrameReader({
    onFrame: () => assert.fail('there is only DATA'),
    onData: (_, part, end) => {
      parts.push(part)
      ends.push(end)
    },
  })
  const bytes = frame(FrameType.Data, 1, 3, Buffer.alloc(1_000, 7))
  reader.push(bytes.subarray(0, 400))
  assert.equal(parts[0]!.length, 390)
  assert.equal(parts[0]!.buffer, bytes.buffer)
  reader.push(bytes.subarray(400))
  assert.equal(parts[1]!.length, 610)
  assert.deepEqual(ends, [false, true])
})

test('an empty DATA frame with END is told, one without says nothing but that it came', () => {
  assert.deepEqual(read([frame(FrameType.Data, 0, 1), frame(FrameType.Data, 1, 1)]), ['data 1 '])
})

test('a length over the limit is refused at its header, before a byte of payload', () => {
  const header = frame(FrameType.Head, 0, 1)
  header.writeUInt32BE(MAX_FRAME_BYTES + 1, 6)
  assert.throws(() => read([header]), { code: 'TUN_ERR_PROTOCOL' })
  assert.throws(() => read([header.subarray(0, 9), header.subarray(9)]), { code: 'TUN_ERR_PROTOCOL' })
})

test('a whole frame in one chunk is a view of it; one in pieces is collected once', () => {
  const payloads: Buffer[] = []
  const reader = new FrameReader({
    onFrame: (_t, _f, _s, ...payload) => payloads.push(payload[0].subarray(payload[1], payload[2])),
    onData() {},
  })
  const bytes = frame(FrameType.Head, 0, 1, 'x'.repeat(100))
  reader.push(bytes)
  assert.equal(payloads[0]!.buffer, bytes.buffer)
  for (let i = 0; i < bytes.length; i += 7) reader.push(bytes.subarray(i, i + 7))
  assert.deepEqual(payloads[1], payloads[0])
})
