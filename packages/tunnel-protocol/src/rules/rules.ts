import { TunnelError } from '../errors.js'
import { parseNetwork } from './network.js'
import { isPasswordHash } from './password-hash.js'

/** One of those whom basic authentication lets in. */
export interface BasicAuthUser {
  user: string
  /** As hashPassword gives it. */
  hash: string
}

/**
 * What a tunnel asks of its visitors, applied by the server before the agent sees a byte. An agent sends them with `bind`. Only what is there is asked for; where both
 * basicAuth and password are, either of them lets in.
 */
export interface Rules {
  /** Networks (see parseNetwork) outside of which nobody is let in. */
  allowIp?: string[]
  /** Networks from which nobody is let in, whatever allowIp says. */
  denyIp?: string[]
  /** Whoever shows one of these, as RFC 7617 has it. */
  basicAuth?: BasicAuthUser[]
  /** Whoever has typed it into the sign-in page. `hash`: as hashPassword gives it. */
  password?: { hash: string }
}

const MAX_NETWORKS = 256
const MAX_USERS = 32
const MAX_USER_LENGTH = 128
/** Of all rules of a tunnel, as JSON; `hello` has to have room for them. */
export const MAX_RULES_LENGTH = 32_768
/** What is shown of a value that is not as it should be, in characters. */
const SHOWN_LENGTH = 60

/** Throws TUN_ERR_RULES for a value that its rule does not take. `path` names the value. */
type ParseRule<T> = (value: unknown, path: string) => T

const parsers: { [K in keyof Rules]-?: ParseRule<NonNullable<Rules[K]>> } = {
  allowIp: networks,
  denyIp: networks,
  basicAuth: users,
  password(value, path) {
    const { hash } = fields(value, path, ['hash'], hidden)
    return { hash: passwordHash(hash, `${path}.hash`) }
  },
}

/**
 * Rules as they came out of JSON or YAML, checked; in an order of their own, so that equal ones are written alike. Undefined where there are none. Throws TUN_ERR_RULES, which says what is
 * wrong with which field: a rule that is not understood, and so not applied, would be a hole. `path`: what they are called.
 */
export function parseRules(value: unknown, path = 'rules'): Rules | undefined {
  const given = fields(value, path, Object.keys(parsers), shown)
  const rules: Record<string, unknown> = {}
  for (const [name, parse] of Object.entries(parsers) as Array<[string, ParseRule<unknown>]>) {
    if (given[name] !== undefined) rules[name] = parse(given[name], `${path}.${name}`)
  }
  if (JSON.stringify(rules).length > MAX_RULES_LENGTH)
    throw fault(path, `at most ${MAX_RULES_LENGTH} characters as JSON`, 'more')
  return Object.keys(rules).length === 0 ? undefined : (rules as Rules)
}

function networks(value: unknown, path: string): string[] {
  return list(value, path, MAX_NETWORKS, shown).map((item, index) => {
    if (typeof item === 'string' && parseNetwork(item) !== undefined) return item
    throw fault(`${path}[${index}]`, NETWORK_RULE, shown(item))
  })
}

/** Shows nothing of what it finds: it may be a password in the wrong place. */
function users(value: unknown, path: string): BasicAuthUser[] {
  const seen = new Set<string>()
  return list(value, path, MAX_USERS, hidden).map((item, index) => {
    const at = `${path}[${index}]`
    const { user, hash } = fields(item, at, ['user', 'hash'], hidden)
    if (!isUserName(user)) throw fault(`${at}.user`, USER_RULE, hidden(user))
    if (seen.has(user)) throw fault(`${at}.user`, 'each name once', 'one that was there before')
    seen.add(user)
    return { user, hash: passwordHash(hash, `${at}.hash`) }
  })
}

function passwordHash(value: unknown, path: string): string {
  if (isPasswordHash(value)) return value
  throw fault(path, 'scrypt$<salt>$<hash>', hidden(value))
}

const NETWORK_RULE = 'an address or CIDR such as 10.0.0.0/8 or 2001:db8::/32, without a zone'
/** What isUserName wants, for a person. */
export const USER_RULE = `a name of 1 to ${MAX_USER_LENGTH} characters, none of them a colon or a control character`

/** A name that can be sent in basic authentication. */
export function isUserName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_USER_LENGTH && /^[^:\x00-\x1f\x7f]+$/.test(value)
}

/** How a value is described that is not what was expected. */
type Describe = (value: unknown) => string

function list(value: unknown, path: string, max: number, describe: Describe): unknown[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= max) return value
  throw fault(path, `a list of 1 to ${max}`, Array.isArray(value) ? `one of ${value.length}` : describe(value))
}

/** The fields of an object that has no others; one that is null counts as missing. */
function fields(value: unknown, path: string, names: string[], describe: Describe): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fault(path, 'an object', describe(value))
  }
  const given: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value)) {
    if (!names.includes(name)) throw fault(path, `no fields but ${names.join(', ')}`, shown(name))
    if (field !== null) given[name] = field
  }
  return given
}

function fault(path: string, expected: string, found: string): TunnelError {
  return new TunnelError('TUN_ERR_RULES', `${path}: expected ${expected}, found ${found}`)
}

function shown(value: unknown): string {
  if (typeof value !== 'string') return hidden(value)
  const printable = value.replaceAll(/[^\x20-\x7e]/g, '?')
  return `"${printable.length > SHOWN_LENGTH ? `${printable.slice(0, SHOWN_LENGTH)}…` : printable}"`
}

function hidden(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (typeof value === 'string') return `another text, of ${value.length} characters`
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
