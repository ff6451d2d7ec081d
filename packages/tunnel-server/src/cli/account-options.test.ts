import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accountOptions, tokenOptions } from './account-options.js'

test('a lifetime is a number of minutes, hours, days, weeks or years', () => {
  const { parse } = tokenOptions.expiresInMs
  const [HOUR, DAY] = [3_600_000, 86_400_000]
  assert.deepEqual(
    ['30m', '12h', '30d', '2w', '1y'].map((text) => parse(text)),
    [HOUR / 2, 12 * HOUR, 30 * DAY, 14 * DAY, 365 * DAY],
  )
  for (const wrong of ['', '0d', '30', 'd', '1.5h', '-1d', '30s', '30 d']) assert.throws(() => parse(wrong), /30m, 12h/)
})

test('a number of tunnels is a number, or what the settings say', () => {
  const { parse } = accountOptions.tunnels
  assert.deepEqual([parse('0'), parse('5'), parse('default')], [0, 5, null])
  for (const wrong of ['', '-1', '1.5', 'x', '65537']) assert.throws(() => parse(wrong), /whole number from 0 to 65536/)
})
