import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AgentEvent, type AgentState, nextAgentState } from './agent-state.js'

const rows: Array<[AgentState, AgentEvent, AgentState]> = [
  ['idle', 'start', 'connecting'],
  ['connecting', 'opened', 'online'],
  ['connecting', 'lost', 'waiting'],
  ['connecting', 'refused', 'stopped'],
  ['connecting', 'stop', 'stopped'],
  ['online', 'lost', 'waiting'],
  ['online', 'refused', 'stopped'],
  ['online', 'stop', 'stopping'],
  ['waiting', 'retry', 'connecting'],
  ['waiting', 'stop', 'stopped'],
  ['stopping', 'left', 'stopped'],
  ['stopping', 'lost', 'stopped'],
  ['idle', 'stop', 'stopped'],
  ['stopped', 'stop', 'stopped'],
]
for (const [from, event, to] of rows) {
  test(`${event} moves an agent from ${from} to ${to}`, () => assert.equal(nextAgentState(from, event), to))
}

test('what comes too late means nothing', () => {
  for (const event of ['opened', 'lost', 'retry', 'refused', 'left', 'start'] as const) {
    assert.equal(nextAgentState('stopped', event), undefined, event)
  }
  assert.equal(nextAgentState('stopping', 'opened'), undefined)
  assert.equal(nextAgentState('online', 'retry'), undefined)
})
