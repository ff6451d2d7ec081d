import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nextState, type StreamEvent, type StreamState } from './stream-state.js'

const rows: Array<[StreamState, StreamEvent, StreamState | null]> = [
  ['open', 'sendEnd', 'halfClosedLocal'],
  ['open', 'receiveEnd', 'halfClosedRemote'],
  ['open', 'reset', 'closed'],
  ['halfClosedLocal', 'sendEnd', null],
  ['halfClosedLocal', 'receiveEnd', 'closed'],
  ['halfClosedLocal', 'reset', 'closed'],
  ['halfClosedRemote', 'sendEnd', 'closed'],
  ['halfClosedRemote', 'receiveEnd', null],
  ['halfClosedRemote', 'reset', 'closed'],
  ['closed', 'sendEnd', null],
  ['closed', 'receiveEnd', null],
  ['closed', 'reset', 'closed'],
]
for (const [from, event, to] of rows) {
  if (to === null) {
    test(`${event} is a protocol error while a stream is ${from}`, () =>
      assert.throws(() => nextState(from, event), { code: 'TUN_ERR_PROTOCOL' }))
  } else {
    test(`${event} moves a stream from ${from} to ${to}`, () => assert.equal(nextState(from, event), to))
  }
}
