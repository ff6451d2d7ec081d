import { choice, integer, list, type Option, switched, text } from 'tunnel-protocol'
import { MAX_TUNNELS, type Role } from '../accounts/account.js'

/* Rows for the flags of commands about accounts. They have no defaults: what is not given stays as it is. */

export const jsonOption = { json: switched({ flag: 'json', fallback: false, help: 'print JSON' }) }

export const accountOptions = {
  names: {
    ...list({
      flag: 'names',
      metavar: '<patterns>',
      fallback: [] as string[],
      help: "names that the account may have, and nobody else may, e.g. 'alice,alice-*'; '': any name that is nobody's",
    }),
    fallback: undefined as string[] | undefined,
  } as Option<string[] | undefined>,
  tunnels: {
    flag: 'tunnels',
    metavar: '<number|default>',
    fallback: undefined,
    help: 'names that it may have at once; default: as --max-tunnels-per-account says',
    parse: (value) =>
      value === 'default' ? null : integer({ help: '', fallback: 0, min: 0, max: MAX_TUNNELS }).parse(value),
  } as Option<number | null | undefined>,
  role: {
    ...choice({
      flag: 'role',
      of: ['user', 'admin'] as const,
      fallback: 'user',
      help: 'an admin may manage accounts over the API',
    }),
    fallback: undefined,
  } as Option<Role | undefined>,
}

export const tokenOptions = {
  label: text({ flag: 'label', fallback: undefined as string | undefined, help: 'what it is for, e.g. laptop' }),
  expiresInMs: {
    flag: 'expires',
    metavar: '<duration>',
    fallback: undefined,
    help: 'how long it is good, e.g. 12h, 30d or 1y; for ever unless set',
    parse: parseLifetime,
  } as Option<number | undefined>,
}

const HOUR_MS = 3_600_000
const MS: Record<string, number> = {
  m: 60_000,
  h: HOUR_MS,
  d: 24 * HOUR_MS,
  w: 7 * 24 * HOUR_MS,
  y: 365 * 24 * HOUR_MS,
}

function parseLifetime(value: string): number {
  const match = /^([1-9][0-9]{0,6})([mhdwy])$/.exec(value)
  if (match !== null) return Number(match[1]) * MS[match[2]!]!
  throw new Error('expected a duration such as 30m, 12h, 30d, 8w or 1y')
}
