import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeInheritedSockets } from './inherited-sockets.js'

const rows: Array<[NodeJS.ProcessEnv, number[]]> = [
  [{}, []],
  [{ LISTEN_PID: '42', LISTEN_FDS: '1' }, [3]],
  [{ LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' }, [3, 4]],
  [{ LISTEN_PID: '42', LISTEN_FDS: '0' }, []],
  [{ LISTEN_PID: '41', LISTEN_FDS: '1' }, []],
  [{ LISTEN_FDS: '1' }, []],
  [{ LISTEN_PID: '42', LISTEN_FDS: '-1' }, []],
  [{ LISTEN_PID: '42', LISTEN_FDS: 'many' }, []],
  [{ LISTEN_PID: '42' }, []],
]
for (const [env, sockets] of rows) {
  test(`process 42 with ${JSON.stringify(env)} has been given ${JSON.stringify(sockets)}`, () => {
    const left = { ...env, HOME: '/' }
    assert.deepEqual(takeInheritedSockets(left, 42), sockets)
    assert.deepEqual(left, { HOME: '/' })
  })
}
