import { TunnelError } from './errors.js'

/**
 * One row of an option table. A row gives parsing, default, environment name and help; flags win over the environment, the environment
 * over a file, the file over the default.
 */
export interface Option<T> {
  /** Long flag without dashes; rows without one are read from the environment only. */
  flag?: string
  /** Short flag without its dash. */
  short?: string
  env?: string
  /** Shown in help behind the flag; a flag without it is a switch. */
  metavar?: string
  help: string
  /** What is given is shown in no message. Default false. */
  secret?: boolean
  /** What stands between the items of a list, in one text. Default a comma. */
  separator?: string
  fallback: T
  /** Throws an Error whose message says what was expected. */
  parse(text: string): T
}

export type OptionTable = Record<string, Option<unknown>>
export type OptionsOf<T extends OptionTable> = { -readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never }

type Row<T> = Omit<Option<T>, 'parse' | 'metavar'> & { metavar?: string }

export function text(row: Row<string>): Option<string>
export function text(row: Row<string | undefined>): Option<string | undefined>
export function text(row: Row<string | undefined>): Option<string | undefined> {
  return { metavar: '<text>', ...row, parse: (value) => value }
}

export function switched(row: Row<boolean>): Option<boolean> {
  return {
    ...row,
    parse(value) {
      if (/^(1|true|yes|on)$/i.test(value)) return true
      if (/^(0|false|no|off|)$/i.test(value)) return false
      throw new Error('expected true or false')
    },
  }
}

/** Comma-separated; a flag may also be given several times. */
export function list(row: Row<string[]>): Option<string[]> {
  return {
    metavar: '<list>',
    ...row,
    parse: (value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
  }
}

/** One item a line, which may hold commas; a flag is given once for each. */
export function lines(row: Row<string[]>): Option<string[]> {
  return {
    metavar: '<text>',
    ...row,
    separator: '\n',
    parse: (value) => value.split(/\r?\n/).filter((item) => item !== ''),
  }
}

export function choice<T extends string>(row: Row<T> & { of: readonly T[] }): Option<T> {
  return {
    metavar: `<${row.of.join('|')}>`,
    ...row,
    parse(value) {
      if ((row.of as readonly string[]).includes(value)) return value as T
      throw new Error(`expected one of ${row.of.join(', ')}`)
    },
  }
}

type IntegerRow<T> = Row<T> & { min: number; max: number }
export function integer(row: IntegerRow<number>): Option<number>
export function integer(row: IntegerRow<number | undefined>): Option<number | undefined>
export function integer(row: IntegerRow<number | undefined>): Option<number | undefined> {
  return {
    metavar: '<number>',
    ...row,
    parse(value) {
      const number = Number(value)
      if (/^[0-9]+$/.test(value) && number >= row.min && number <= row.max) return number
      throw new Error(`expected a whole number from ${row.min} to ${row.max}`)
    },
  }
}

const MS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** `500ms`, `30s`, `10m`, `2h`, `1d`, or `0`. The value is in milliseconds. */
export function durationMs(row: Row<number>): Option<number>
export function durationMs(row: Row<number | undefined>): Option<number | undefined>
export function durationMs(row: Row<number | undefined>): Option<number | undefined> {
  return {
    metavar: '<duration>',
    ...row,
    parse(value) {
      if (value === '0') return 0
      const match = /^([0-9]{1,9}(?:\.[0-9]+)?)(ms|s|m|h|d)$/.exec(value)
      const ms = match === null ? Number.NaN : Number(match[1]) * MS[match[2]!]!
      // setTimeout takes 2^31-1 milliseconds at most, a little under 25 days.
      if (ms <= 0x7fff_ffff) return Math.round(ms)
      throw new Error('expected a duration such as 500ms, 30s, 10m or 2h, at most 24d')
    },
  }
}

const BYTES: Record<string, number> = {
  '': 1,
  b: 1,
  k: 1024,
  kib: 1024,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
}

/** `65536`, `64k`, `64KiB`, `1m`. The value is in bytes. */
export function byteSize(row: Row<number> & { min: number; max: number }): Option<number> {
  return {
    metavar: '<size>',
    ...row,
    parse(value) {
      const match = /^([0-9]{1,12})(b|k|kib|m|mib|g|gib)?$/i.exec(value)
      const bytes = match === null ? Number.NaN : Number(match[1]) * BYTES[(match[2] ?? '').toLowerCase()]!
      if (bytes >= row.min && bytes <= row.max) return bytes
      throw new Error(`expected a size such as 64k or 1m, from ${row.min} to ${row.max} bytes`)
    },
  }
}

/** What the command line gave: text for flags with a value, true for switches, lists for repeated flags. */
export type GivenFlags = Record<string, string | boolean | string[] | undefined>

/** What a file says: names as settingName gives them, values as they came out of YAML or JSON. */
export interface FileSettings {
  path: string
  values: Record<string, unknown>
}

/** What a row is called in a file: its long flag, or `max-streams` for the key maxStreams. */
export function settingName(key: string, option: Option<unknown>): string {
  return option.flag ?? key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/**
 * Read a table. `flags` is keyed like the table. Throws TUN_ERR_OPTION naming the source:
 * `TUNNEL_DRAIN: expected a duration such as 30s, got "soon"`. An empty environment variable counts as not set.
 */
export function resolveOptions<T extends OptionTable>(
  table: T,
  flags: GivenFlags,
  env: NodeJS.ProcessEnv = process.env,
  file: FileSettings = { path: '', values: {} },
): OptionsOf<T> {
  const values: Record<string, unknown> = {}
  const names = new Set<string>()
  for (const [key, option] of Object.entries(table)) {
    const given = flags[key]
    const fromEnv = option.env === undefined ? undefined : env[option.env]
    const name = settingName(key, option)
    names.add(name)
    const fromFile = Object.hasOwn(file.values, name) ? file.values[name] : undefined
    if (typeof given === 'boolean') values[key] = given
    else if (given !== undefined)
      values[key] = parse(
        option,
        Array.isArray(given) ? given.join(option.separator ?? ',') : given,
        `--${option.flag}`,
      )
    else if (fromEnv !== undefined && fromEnv !== '') values[key] = parse(option, fromEnv, option.env!)
    else if (fromFile !== undefined && fromFile !== null)
      values[key] = parse(option, asText(fromFile, `${file.path}: ${name}`, option.separator), `${file.path}: ${name}`)
    else values[key] = option.fallback
  }
  const unknown = Object.keys(file.values).find((name) => !names.has(name))
  if (unknown !== undefined) {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `${file.path}: there is no setting "${unknown.slice(0, 80)}"; they are called like the flags, without dashes in front`,
    )
  }
  return values as OptionsOf<T>
}

/** Never shows the value: it may be a secret in the wrong shape. */
function asText(value: unknown, source: string, separator = ','): string {
  if (Array.isArray(value)) return value.map((item) => asText(item, source, separator)).join(separator)
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new TunnelError('TUN_ERR_OPTION', `${source}: expected text, a number, true, false or a list of them`)
}

function parse(option: Option<unknown>, value: string, source: string): unknown {
  try {
    return option.parse(value)
  } catch (error) {
    const got = option.secret === true ? '' : `, got "${value}"`
    throw new TunnelError('TUN_ERR_OPTION', `${source}: ${(error as Error).message}${got}`)
  }
}

/** What a command-line library needs of a row: `-p, --port <number>` and its help with default and environment name. */
export function describeOption(option: Option<unknown>): { flags: string; help: string } {
  const long = `--${option.flag}${option.metavar === undefined ? '' : ` ${option.metavar}`}`
  const notes: string[] = []
  const { fallback } = option
  if (
    fallback !== undefined &&
    fallback !== false &&
    fallback !== '' &&
    !(Array.isArray(fallback) && fallback.length === 0)
  ) {
    notes.push(`default: ${option.metavar === '<duration>' ? formatMs(fallback as number) : String(fallback)}`)
  }
  if (option.env !== undefined) notes.push(`env: ${option.env}`)
  return {
    flags: option.short === undefined ? long : `-${option.short}, ${long}`,
    help: notes.length === 0 ? option.help : `${option.help} (${notes.join(', ')})`,
  }
}

function formatMs(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= MS[unit]! && ms % MS[unit]! === 0) return `${ms / MS[unit]!}${unit}`
  }
  return `${ms}ms`
}
