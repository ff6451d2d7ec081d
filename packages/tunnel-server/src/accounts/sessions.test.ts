import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_LINKS } from 'tunnel-protocol'
import { AccountSessions } from './sessions.js'

const full = { code: 'TUN_ERR_ACCOUNT_LIMIT' }

test('an account has so many agents and no more, whatever other accounts do', () => {
  const sessions = new AccountSessions(2)
  sessions.enter('a', 'one')
  sessions.enter('a', 'two')
  assert.throws(() => sessions.enter('a', 'three'), full)
  sessions.enter('b', 'three')
  sessions.leave('a', 'one')
  sessions.enter('a', 'three')
})

test('an agent counts once, on all its links and while old sessions of it end, and is no way around the limit', () => {
  const sessions = new AccountSessions(1)
  for (let i = 0; i < 2 * MAX_LINKS; i++) sessions.enter('a', 'one')
  assert.throws(() => sessions.enter('a', 'one'), full)
  for (let i = 0; i < 2 * MAX_LINKS; i++) {
    assert.throws(() => sessions.enter('a', 'two'), full)
    sessions.leave('a', 'one')
  }
  sessions.enter('a', 'two')
})
