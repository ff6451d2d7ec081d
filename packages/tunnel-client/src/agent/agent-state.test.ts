import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type AgentEvent, type AgentState, agentTransitions, nextAgentState } from './agent-state.js'

const rows: Array<[AgentState, AgentEvent, AgentState]> = [
  ['idle', 'start', 'connecting'],
  ['idle', 'stop', 'leaving'],
  ['connecting', 'opened', 'online'],
  ['connecting', 'failed', 'waiting'],
  ['connecting', 'ended', 'waiting'],
  ['connecting', 'refused', 'leaving'],
  ['connecting', 'stop', 'leaving'],
  ['online', 'lost', 'detached'],
  ['online', 'ended', 'waiting'],
  ['online', 'moved', 'waiting'],
  ['online', 'refused', 'leaving'],
  ['online', 'stop', 'leaving'],
  ['detached', 'retry', 'resuming'],
  ['detached', 'ended', 'waiting'],
  ['detached', 'stop', 'leaving'],
  ['resuming', 'opened', 'online'],
  ['resuming', 'failed', 'detached'],
  ['resuming', 'ended', 'waiting'],
  ['resuming', 'refused', 'leaving'],
  ['resuming', 'stop', 'leaving'],
  ['waiting', 'retry', 'connecting'],
  ['waiting', 'stop', 'leaving'],
  ['leaving', 'left', 'stopped'],
]
for (const [from, event, to] of rows) {
  test(`${event} moves an agent from ${from} to ${to}`, () => assert.equal(nextAgentState(from, event), to))
}

const written = (transitions: Array<[string, string, string]>) => transitions.map((row) => row.join(' ')).sort()

test('what is not a row comes too late and means nothing', () => {
  const real = Object.entries(agentTransitions).flatMap(([from, events]) =>
    Object.entries(events).map(([event, to]): [string, string, string] => [from, event, to]),
  )
  assert.deepEqual(written(real), written(rows))
})

test('from every state an agent can come online again, until it leaves; and it can always leave', () => {
  const reaches = (from: AgentState, goal: AgentState, seen = new Set<AgentState>()): boolean => {
    if (from === goal) return true
    if (seen.has(from)) return false
    seen.add(from)
    return Object.values(agentTransitions[from]).some((next) => reaches(next, goal, seen))
  }
  for (const state of Object.keys(agentTransitions) as AgentState[]) {
    assert.equal(reaches(state, 'online'), state !== 'leaving' && state !== 'stopped', state)
    assert.ok(reaches(state, 'stopped'), state)
  }
})

test('docs/architecture.md draws the states of an agent as they are', () => {
  const page = readFileSync(new URL('../../../../docs/architecture.md', import.meta.url), 'utf8')
  const diagram = /^## State of an agent[\s\S]*?```mermaid\n([\s\S]*?)```/m.exec(page)?.[1] ?? ''
  const drawn = [...diagram.matchAll(/^ *(\w+) --> (\w+): (.+)$/gm)].flatMap(([, from, to, events]) =>
    events!.split(',').map((event): [string, string, string] => [from!, event.trim(), to!]),
  )
  assert.deepEqual(written(drawn), written(rows))
  const others = diagram.split('\n').filter((line) => line.includes('-->') && !line.includes(':'))
  assert.deepEqual(
    others.map((line) => line.trim()),
    ['[*] --> idle', 'stopped --> [*]'],
  )
})
