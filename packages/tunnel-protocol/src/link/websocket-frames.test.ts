import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TunnelError } from '../errors.js'
import { frameHeader, Opcode, rotate, WebSocketReader, xor } from './websocket-frames.js'

class Collector {
  readonly payload: Buffer[] = []
  readonly controls: string[] = []
  onPayload(part: Buffer): void {
    this.payload.push(Buffer.from(part))
  }
  onControl(opcode: number, payload: Buffer): void {
    this.controls.push(`${opcode}:${payload.toString('hex')}`)
  }
}

function frame(opcode: number, payload: Buffer, key: Buffer | undefined): Buffer {
  const body = Buffer.from(payload)
  if (key !== undefined) xor(payload, key, body)
  return Buffer.concat([frameHeader(opcode, payload.length, key), body])
}

/** `bytes` cut at `cuts`, each piece a buffer of its own. */
function pieces(bytes: Buffer, cuts: number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, i) => Buffer.from(bytes.subarray(from, at[i] ?? bytes.length)))
}

const key = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => Buffer.from(bytes))
const frames = fc.array(
  fc.record({
    opcode: fc.constantFrom(Opcode.Text, Opcode.Binary, Opcode.Ping, Opcode.Pong),
    size: fc.oneof(fc.nat(130), fc.nat(70_000)),
    key,
  }),
  { maxLength: 6 },
)

test('frames of any size and key, cut anywhere, come out as they went in', () => {
  fc.assert(
    fc.property(frames, fc.boolean(), fc.array(fc.nat(), { maxLength: 12 }), (list, masked, cuts) => {
      const sent: Buffer[] = []
      const controls: string[] = []
      const wire = list.map((item) => {
        const size = item.opcode >= Opcode.Close ? item.size % 126 : item.size
        const payload = Buffer.from(Array.from({ length: size }, (_, i) => (i * 7 + size) & 0xff))
        if (item.opcode >= Opcode.Close) controls.push(`${item.opcode}:${payload.toString('hex')}`)
        else sent.push(payload)
        return frame(item.opcode, payload, masked ? item.key : undefined)
      })
      const collector = new Collector()
      const reader = new WebSocketReader(collector, masked)
      for (const piece of pieces(Buffer.concat(wire), cuts)) reader.push(piece)
      assert.ok(Buffer.concat(collector.payload).equals(Buffer.concat(sent)))
      assert.deepEqual(collector.controls, controls)
    }),
    { numRuns: 300 },
  )
})

test('any bytes are frames or a protocol error, nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, masked) => {
      try {
        new WebSocketReader(new Collector(), masked).push(Buffer.from(bytes))
      } catch (error) {
        assert.ok(error instanceof TunnelError)
        assert.equal(error.code, 'TUN_ERR_PROTOCOL')
      }
    }),
    { numRuns: 2_000 },
  )
})

const refused: Array<[string, string, boolean]> = [
  ['a reserved bit', 'c200', false],
  ['an opcode that does not exist', '8300', false],
  ['a control opcode that does not exist', '8b00', false],
  ['a masked frame from a server', '828000000000', false],
  ['an unmasked frame from a client', '8200', true],
  ['a ping in parts', '0900', false],
  ['a ping of 126 bytes', '897e007e', false],
  ['a message inside a message', '02008200', false],
  ['a continuation of nothing', '8000', false],
  ['a length over 2^53', '827fffffffffffffffff', false],
]
for (const [what, hex, masked] of refused) {
  test(`${what} is refused`, () => {
    assert.throws(
      () => new WebSocketReader(new Collector(), masked).push(Buffer.from(hex, 'hex')),
      /TUN_ERR_PROTOCOL: not WebSocket/,
    )
  })
}

test('fragments of a message are passed on one after the other, with a ping between them', () => {
  const collector = new Collector()
  new WebSocketReader(collector, false).push(Buffer.from('020161' + '890170' + '000162' + '800163', 'hex'))
  assert.equal(Buffer.concat(collector.payload).toString(), 'abc')
  assert.deepEqual(collector.controls, ['9:70'])
})

test('a payload that is not masked is passed on without a copy', () => {
  const chunk = frame(Opcode.Binary, Buffer.alloc(1_000, 1), undefined)
  const seen: Buffer[] = []
  new WebSocketReader({ onPayload: (part) => seen.push(part), onControl() {} }, false).push(chunk)
  assert.equal(seen[0]?.buffer, chunk.buffer)
})

test('a key is turned to where the next part goes on', () => {
  fc.assert(
    fc.property(key, fc.uint8Array({ maxLength: 50 }), fc.nat(50), (start, bytes, cut) => {
      const whole = Buffer.from(bytes)
      xor(whole, start, whole)
      const parts = Buffer.from(bytes)
      const turned = Buffer.from(start)
      const first = parts.subarray(0, cut)
      const second = parts.subarray(cut)
      xor(first, turned, first)
      rotate(turned, first.length)
      xor(second, turned, second)
      assert.deepEqual(parts, whole)
    }),
  )
})
