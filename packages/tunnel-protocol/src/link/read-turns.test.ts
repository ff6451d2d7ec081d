import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { ReadTurns } from './read-turns.js'

function world(t: TestContext) {
  const clock = { now: 1_000 }
  t.mock.method(performance, 'now', () => clock.now)
  const socket = {
    paused: false,
    isPaused: () => socket.paused,
    pause() {
      socket.paused = true
    },
    resume() {
      socket.paused = false
    },
  }
  const turns = new ReadTurns(socket as unknown as Socket)
  /** One chunk, which takes so many milliseconds, and what it sets off so many more. */
  const read = (ms: number, later = 0, bytes = 65_536) => {
    turns.begin(bytes)
    clock.now += ms
    turns.end()
    clock.now += later
  }
  return { socket, read, nextTurn: () => new Promise((resolve) => setImmediate(resolve)) }
}

test('whoever reads for long waits for the next turn, and goes on then', async (t) => {
  const { socket, read, nextTurn } = world(t)
  read(5)
  assert.equal(socket.paused, true)
  await nextTurn()
  assert.equal(socket.paused, false)
  read(0.5)
  assert.equal(socket.paused, false)
})

test('a read that found the end of what there was pauses nobody, be it ever so long', async (t) => {
  const { socket, read } = world(t)
  read(0.9)
  read(5, 0, 16_383)
  assert.equal(socket.paused, false)
  read(0, 0, 16_384)
  assert.equal(socket.paused, true)
})

test('many short reads of one turn are one long one, with what they set off', async (t) => {
  const { socket, read, nextTurn } = world(t)
  read(0.4)
  read(0.4)
  assert.equal(socket.paused, false)
  read(0.4)
  assert.equal(socket.paused, true)
  await nextTurn()
  read(0.1, 3)
  assert.equal(socket.paused, false)
  read(0.1)
  assert.equal(socket.paused, true)
})

test('short reads of many turns are short', async (t) => {
  const { socket, read, nextTurn } = world(t)
  for (let i = 0; i < 10; i++) {
    read(0.4, 20)
    assert.equal(socket.paused, false)
    await nextTurn()
  }
})

test('a socket that is paused for another reason stays so', async (t) => {
  const { socket, read, nextTurn } = world(t)
  socket.paused = true
  read(5)
  await nextTurn()
  assert.equal(socket.paused, true)
})
