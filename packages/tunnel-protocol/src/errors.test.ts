import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  type ErrorCode,
  type ErrorRow,
  errorCodeFromWire,
  errorTable,
  TunnelError,
  wireFromErrorCode,
} from './errors.js'

const rows = Object.entries(errorTable) as Array<[ErrorCode, ErrorRow]>

test('no two codes share a wire number', () => {
  const numbers = rows.map(([, { wire }]) => wire).filter((wire) => wire !== null)
  assert.equal(new Set(numbers).size, numbers.length)
  assert.ok(numbers.every((wire) => Number.isInteger(wire) && wire > 0 && wire < 2 ** 32))
})

test('a wire number, once given, keeps its meaning', () => {
  const given: ErrorCode[] = [
    'TUN_ERR_PROTOCOL',
    'TUN_ERR_INTERNAL',
    'TUN_ERR_FLOW_CONTROL',
    'TUN_ERR_VERSION',
    'TUN_ERR_UNAUTHORIZED',
    'TUN_ERR_FORBIDDEN',
    'TUN_ERR_NAME_TAKEN',
    'TUN_ERR_DRAINING',
    'TUN_ERR_TOO_MANY_STREAMS',
    'TUN_ERR_ORIGIN_REFUSED',
    'TUN_ERR_ORIGIN_RESET',
    'TUN_ERR_ORIGIN_TIMEOUT',
    'TUN_ERR_VISITOR_GONE',
    'TUN_ERR_HEAD_TOO_LARGE',
    'TUN_ERR_BODY_TOO_LARGE',
    'TUN_ERR_NAME_INVALID',
    'TUN_ERR_REPLACED',
    'TUN_ERR_NO_BODY_NEEDED',
    'TUN_ERR_SESSION_CLOSED',
    'TUN_ERR_ACCOUNT_LIMIT',
    'TUN_ERR_ORIGIN_TLS',
  ]
  given.forEach((code, i) => {
    assert.equal(errorTable[code].wire, i + 1)
  })
})

for (const [code, { wire }] of rows) {
  const expected = wire === null ? 'TUN_ERR_INTERNAL' : code
  test(`${code} arrives as ${expected}`, () => assert.equal(errorCodeFromWire(wireFromErrorCode(code)), expected))
}

test('a wire number from a newer peer counts as TUN_ERR_PROTOCOL', () => {
  for (const wire of [0, 9_999, 0xffff_ffff]) assert.equal(errorCodeFromWire(wire), 'TUN_ERR_PROTOCOL')
})

test('an error knows its status and its exit code', () => {
  const offline = new TunnelError('TUN_ERR_TUNNEL_OFFLINE', 'away')
  assert.deepEqual(
    [offline.message, offline.detail, offline.name],
    ['TUN_ERR_TUNNEL_OFFLINE: away', 'away', 'TunnelError'],
  )
  assert.deepEqual([offline.status, offline.exitCode], [503, 1])
  const option = new TunnelError('TUN_ERR_OPTION', 'bad')
  assert.deepEqual([option.status, option.exitCode], [502, 78])
})

test('what is thrown and not ours becomes TUN_ERR_INTERNAL with its cause; what is ours stays as it is', () => {
  const ours = new TunnelError('TUN_ERR_CONNECT', 'x')
  assert.equal(TunnelError.from(ours), ours)
  const cause = new Error('secret')
  const error = TunnelError.from(cause)
  assert.deepEqual([error.code, error.cause], ['TUN_ERR_INTERNAL', cause])
  assert.ok(!error.message.includes('secret'))
})

test('docs/errors.md shows the table as it is', () => {
  const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
  const shown = text
    .split('\n')
    .filter((line) => line.startsWith('| `TUN_ERR_'))
    .map((line) => line.replaceAll(/ +/g, ' '))
  const cell = (value: number | string | null) => (value === null ? '' : `${value} `)
  const expected = rows.map(
    ([code, { wire, status, agent, exit, when }]) =>
      `| \`${code}\` | ${cell(wire)}| ${cell(status)}| ${cell(agent)}| ${cell(exit)}| ${when} |`,
  )
  assert.deepEqual(shown, expected)
})
