import assert from 'node:assert/strict'
import { test } from 'node:test'
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

test('an agent that comes back counts once while its old session ends, and is no way around the limit', () => {
  const sessions = new AccountSessions(1)
  sessions.enter('a', 'one')
  sessions.enter('a', 'one')
  assert.throws(() => sessions.enter('a', 'one'), full)
  assert.throws(() => sessions.enter('a', 'two'), full)
  sessions.leave('a', 'one')
  assert.throws(() => sessions.enter('a', 'two'), full)
  sessions.leave('a', 'one')
  sessions.enter('a', 'two')
})
