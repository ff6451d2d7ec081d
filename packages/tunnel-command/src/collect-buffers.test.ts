import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { collectYoungGeneration } from './collect-buffers.js'

const MIB = 1024 * 1024

test('buffers that nobody holds any more are gone, and those that somebody holds are not', {
  timeout: 60_000,
}, async () => {
  const held = Buffer.alloc(MIB, 'held')
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < 64; i++) Buffer.alloc(MIB / 4)
  assert.ok(process.memoryUsage().arrayBuffers - before >= 10 * MIB)
  collectYoungGeneration()
  // A thread of its own gives the memory back.
  while (process.memoryUsage().arrayBuffers - before > MIB) await nextTurn()
  assert.ok(held.every((byte, i) => byte === 'held'.charCodeAt(i % 4)))
})

test('nobody else in the process can collect', () => {
  collectYoungGeneration()
  assert.equal((globalThis as { gc?: unknown }).gc, undefined)
})
