import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  byteSize,
  choice,
  describeOption,
  durationMs,
  integer,
  lines,
  list,
  type Option,
  resolveOptions,
  settingName,
  switched,
  text,
} from './options.js'

const base = { flag: 'x', env: 'X', help: 'x' }
const duration = durationMs({ ...base, fallback: 0 })
const size = byteSize({ ...base, fallback: 0, min: 0, max: 2 ** 30 })
const port = integer({ ...base, fallback: 1, min: 1, max: 65_535 })
const flag = switched({ ...base, fallback: false })
const items = list({ ...base, fallback: [] })
const level = choice({ ...base, fallback: 'a', of: ['a', 'b'] })

const good: Array<[string, Option<unknown>, string, unknown]> = [
  ['duration', duration, '0', 0],
  ['duration', duration, '500ms', 500],
  ['duration', duration, '1.5s', 1_500],
  ['duration', duration, '10m', 600_000],
  ['duration', duration, '24d', 2_073_600_000],
  ['size', size, '65536', 65_536],
  ['size', size, '64k', 65_536],
  ['size', size, '1MiB', 1_048_576],
  ['integer', port, '65535', 65_535],
  ['switch', flag, 'YES', true],
  ['switch', flag, '0', false],
  ['list', items, ' a, b ,,c', ['a', 'b', 'c']],
  ['choice', level, 'b', 'b'],
]
for (const [kind, option, given, expected] of good) {
  test(`a ${kind} "${given}" is ${JSON.stringify(expected)}`, () => assert.deepEqual(option.parse(given), expected))
}

const bad: Array<[string, Option<unknown>, string]> = [
  ['duration', duration, '10'],
  ['duration', duration, '-1s'],
  ['duration', duration, '25d'],
  ['duration', duration, '1e3s'],
  ['size', size, '2g'],
  ['size', size, '1.5k'],
  ['integer', port, '0'],
  ['integer', port, '0x10'],
  ['integer', port, ' 80'],
  ['switch', flag, 'maybe'],
  ['choice', level, 'A'],
]
for (const [kind, option, given] of bad) {
  test(`a ${kind} "${given}" is refused, saying what was expected`, () => {
    assert.throws(() => option.parse(given), /^Error: expected /)
  })
}

test('no text makes an option anything but a value or a refusal that says what was expected', () => {
  const options = [duration, size, port, flag, level]
  fc.assert(
    fc.property(fc.constantFrom(...options), fc.string(), (option, given) => {
      try {
        const value = option.parse(given)
        return typeof value !== 'number' || (Number.isSafeInteger(value) && value >= 0)
      } catch (error) {
        return (error as Error).message.startsWith('expected ')
      }
    }),
  )
})

test('a flag wins over the environment, which wins over the default; an empty variable is none', () => {
  const table = { port, name: text({ flag: 'name', env: 'NAME', help: '', fallback: 'default' }) }
  assert.deepEqual(resolveOptions(table, {}, {}), { port: 1, name: 'default' })
  assert.deepEqual(resolveOptions(table, {}, { X: '2', NAME: '' }), { port: 2, name: 'default' })
  assert.deepEqual(resolveOptions(table, { port: '3' }, { X: '2' }), { port: 3, name: 'default' })
})

test('a file wins over the default only, and has the names of the flags', () => {
  const table = { port, items: { ...items, flag: 'items' }, someName: text({ help: '', fallback: 'default' }) }
  const file = { path: 'tunnel.yaml', values: { x: 4, 'some-name': 'file', items: ['a', 'b'] } }
  assert.equal(settingName('port', port), 'x')
  assert.deepEqual(resolveOptions(table, {}, {}, file), { port: 4, items: ['a', 'b'], someName: 'file' })
  assert.equal(resolveOptions(table, {}, { X: '2' }, file).port, 2)
  assert.equal(resolveOptions(table, { port: '3' }, {}, file).port, 3)
  assert.equal(resolveOptions(table, {}, {}, { path: '', values: { x: null } }).port, 1)
})

test('a setting in a file that does not exist, or cannot be, is refused without showing what may be a secret', () => {
  const refused = (values: Record<string, unknown>, message: RegExp) =>
    assert.throws(() => resolveOptions({ port }, {}, {}, { path: 'tunnel.yaml', values }), message)
  refused({ y: 1 }, /^TunnelError: TUN_ERR_OPTION: tunnel\.yaml: there is no setting "y"/)
  refused({ x: 'y' }, /tunnel\.yaml: x: expected a whole number .*, got "y"/)
  refused({ x: { secret: 1 } }, /tunnel\.yaml: x: expected text, a number, true, false or a list of them$/)
  refused({ x: [[null]] }, /tunnel\.yaml: x: expected text/)
  refused(JSON.parse('{"__proto__": 1}'), /there is no setting "__proto__"/)
})

test('a refusal names where the value came from', () => {
  assert.throws(
    () => resolveOptions({ port }, { port: 'x' }, {}),
    /TUN_ERR_OPTION: --x: expected a whole number .*, got "x"/,
  )
  assert.throws(
    () => resolveOptions({ port }, {}, { X: 'y' }),
    /TUN_ERR_OPTION: X: expected a whole number .*, got "y"/,
  )
})

test('a list may come from a flag that is given several times', () => {
  assert.deepEqual(resolveOptions({ items }, { items: ['a,b', 'c'] }, {}), { items: ['a', 'b', 'c'] })
})

test('items that may hold commas come one a line, as a flag each, or as a list in a file', () => {
  const table = { items: lines({ flag: 'item', env: 'ITEMS', help: '', fallback: [] }) }
  assert.deepEqual(resolveOptions(table, { items: ['a,b', 'c'] }, {}), { items: ['a,b', 'c'] })
  assert.deepEqual(resolveOptions(table, {}, { ITEMS: 'a,b\r\n\nc \n' }), { items: ['a,b', 'c '] })
  const file = { path: 'tunnel.yaml', values: { item: ['a,b', 'c'] } }
  assert.deepEqual(resolveOptions(table, {}, {}, file), { items: ['a,b', 'c'] })
})

test('a refusal does not show a secret', () => {
  const table = { port: { ...port, secret: true } }
  const hidden = (error: unknown) =>
    /^TUN_ERR_OPTION: --x: expected a whole number [^"]*$/.test((error as Error).message)
  assert.throws(() => resolveOptions(table, { port: 'hunter2' }, {}), hidden)
})

test('help shows short and long flag, the default in words, and the variable', () => {
  const described = describeOption(
    durationMs({ flag: 'wait', short: 'w', env: 'WAIT', help: 'how long', fallback: 90_000 }),
  )
  assert.deepEqual(described, { flags: '-w, --wait <duration>', help: 'how long (default: 90s, env: WAIT)' })
  assert.deepEqual(describeOption(switched({ flag: 'on', help: 'switch', fallback: false })), {
    flags: '--on',
    help: 'switch',
  })
})
