import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FrameBoundaries } from './frame-boundaries.js'
import { frameHeader, Opcode } from './websocket-frames.js'

const KEY = Buffer.from('abcd')
/** Payload lengths that need each kind of header, and one longer than a read. */
const length = fc.oneof(fc.nat(3), fc.constantFrom(125, 126, 65_535, 65_536), fc.integer({ min: 0, max: 200_000 }))
const frames = fc.array(fc.tuple(length, fc.boolean()), { maxLength: 8 })

/** Random frames, and the places between them. */
function bytesOf(script: Array<[number, boolean]>): { bytes: Buffer; places: Set<number> } {
  const parts: Buffer[] = []
  const places = new Set([0])
  let at = 0
  for (const [bytes, masked] of script) {
    parts.push(frameHeader(Opcode.Binary, bytes, masked ? KEY : undefined), Buffer.alloc(bytes, 0x81))
    at += parts.at(-2)!.length + bytes
    places.add(at)
  }
  return { bytes: Buffer.concat(parts), places }
}

test('wherever frames are cut, it knows whether that is between two of them', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1 }), (script, sizes) => {
      const { bytes, places } = bytesOf(script)
      const boundaries = new FrameBoundaries()
      for (let at = 0, i = 0; at < bytes.length; i++) {
        assert.equal(boundaries.between, places.has(at))
        const chunk = bytes.subarray(at, at + sizes[i % sizes.length]!)
        boundaries.push(chunk)
        at += chunk.length
      }
      assert.ok(boundaries.between)
    }),
  )
})

test('the end of the current frame is found in what comes next, if it is there', () => {
  fc.assert(
    fc.property(frames, fc.nat(), fc.integer({ min: 1, max: 90_000 }), (script, cut, size) => {
      const { bytes, places } = bytesOf(script)
      const at = bytes.length === 0 ? 0 : cut % bytes.length
      const boundaries = new FrameBoundaries()
      boundaries.push(bytes.subarray(0, at))
      const chunk = bytes.subarray(at, at + size)
      const next = [...places].find((place) => place >= at)!
      assert.equal(boundaries.endIn(chunk), Math.min(next - at, chunk.length + 1))
    }),
  )
})
