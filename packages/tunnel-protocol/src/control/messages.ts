import { MAX_LINKS } from '../constants.js'
import { TunnelError } from '../errors.js'

/**
 * Control messages are JSON objects with a `type`. Fields a receiver does not know are ignored, messages whose type it
 * does not know too, so that either side can be newer than the other within one protocol version.
 */

/** A tunnel the agent asks for. */
export interface BindRequest {
  /** The agent's number for it, unique in its session; OPEN frames name it. */
  tunnel: number
  /** Name wanted; without it the server makes one up. */
  name?: string
  /** Secret from an earlier `bound` for this name: proves that we held it. */
  claim?: string
  /** Take the name over from another agent of the same account. */
  force?: boolean
  /** Serve the name together with other agents of the same account that say so too. */
  pool?: boolean
  /** What is asked of visitors, as it was sent: see parseRules. */
  rules?: unknown
}

/** Agent → server, first message of a session. */
export interface Hello {
  type: 'hello'
  /** Account token, if the agent has one. */
  token?: string
  /** Software and version, for the server's log. */
  agent?: string
  /** Random, the same for as long as the agent runs: lets it take its names from a link of its own that the server still believes in. */
  instance?: string
  /** Which of the agent's links this session is for, from 0 to MAX_LINKS - 1; those of one instance serve their names together. Default 0. */
  link?: number
  /** Bytes the agent holds per stream. */
  window?: number
  binds: BindRequest[]
}

/** Agent → server, first message on a new link for a session that has lost its link. Not part of the session's bytes. */
export interface Resume {
  type: 'resume'
  /** From `welcome`. */
  session: string
  secret: string
  /** Counts the agent's attempts to resume the session: one that arrives behind a later one is given up already. */
  attempt: number
  /** Bytes of the session that the agent has received. */
  received: number
}

/** Server → agent, answer to resume: the session goes on. Not part of the session's bytes. */
export interface Resumed {
  type: 'resumed'
  /** Bytes of the session that the server has received. */
  received: number
}

/** Server → agent, answer to hello. A `bound` or `refused` for each bind follows. */
export interface Welcome {
  type: 'welcome'
  /** Names the session in both logs; a request's id is `<session>-<stream id>`. Not a secret. */
  session: string
  /** Proves that a new link belongs to this session. */
  secret?: string
  /** How long the session waits for a new link when it has lost its own, in milliseconds. */
  grace?: number
  /** How many links the agent does well to have. Default 1. */
  links?: number
  /** Bytes the server holds per stream. */
  window: number
  /** Software and version, for the agent's log. */
  server: string
}

/** Server → agent: the tunnel is open. */
export interface Bound {
  type: 'bound'
  tunnel: number
  name: string
  url: string
  claim: string
  /** The rules that were sent with the bind are applied. Default: there were none, or the server is one that knows none. */
  rules?: boolean
}

/**
 * Server → agent: this tunnel is not given, or, after its `bound`, has been taken over: the agent gets no further streams of it. The session
 * and its other tunnels go on.
 */
export interface Refused {
  type: 'refused'
  tunnel: number
  code: string
  message: string
}

/**
 * Server → agent: the server is shutting down. It opens streams on this session for connections that it already has and for no others: the agent
 * begins a new session, with whoever answers at the server's address by then, and keeps this one until the server ends it.
 */
export interface Drain {
  type: 'drain'
}

/** Agent → server: give the names up, this is a goodbye and not a lost link. */
export interface Leave {
  type: 'leave'
}

export type ToServer = Hello | Resume | Leave
export type ToAgent = Welcome | Resumed | Bound | Refused | Drain

const MAX_BINDS = 64
const MAX_TEXT = 1024

/** A message from an agent, checked; undefined for a type we do not know. Throws TUN_ERR_PROTOCOL naming the field. */
export function parseToServer(message: Record<string, unknown>): ToServer | undefined {
  if (message.type === 'leave') return { type: 'leave' }
  if (message.type === 'resume') {
    return {
      type: 'resume',
      session: required(text(message, 'resume', 'session'), 'resume.session'),
      secret: required(text(message, 'resume', 'secret'), 'resume.secret'),
      attempt: required(integer(message, 'resume', 'attempt'), 'resume.attempt'),
      received: offset(message, 'resume'),
    }
  }
  if (message.type !== 'hello') return undefined
  const binds = message.binds
  if (!Array.isArray(binds) || binds.length > MAX_BINDS) {
    throw new TunnelError('TUN_ERR_PROTOCOL', `hello.binds must be a list of at most ${MAX_BINDS}`)
  }
  const seen = new Set<number>()
  return {
    type: 'hello',
    ...optional('token', text(message, 'hello', 'token')),
    ...optional('agent', text(message, 'hello', 'agent')),
    ...optional('instance', text(message, 'hello', 'instance')),
    ...optional('link', linkNumber(message)),
    ...optional('window', integer(message, 'hello', 'window')),
    binds: binds.map((bind: unknown) => {
      if (typeof bind !== 'object' || bind === null)
        throw new TunnelError('TUN_ERR_PROTOCOL', 'a bind is not an object')
      const fields = bind as Record<string, unknown>
      const tunnel = integer(fields, 'bind', 'tunnel')
      if (tunnel === undefined || seen.has(tunnel)) {
        throw new TunnelError('TUN_ERR_PROTOCOL', 'bind.tunnel must be a number of its own')
      }
      seen.add(tunnel)
      return {
        tunnel,
        ...optional('name', text(fields, 'bind', 'name')),
        ...optional('claim', text(fields, 'bind', 'claim')),
        ...optional('force', flag(fields, 'bind', 'force')),
        ...optional('pool', flag(fields, 'bind', 'pool')),
        ...optional('rules', fields.rules ?? undefined),
      }
    }),
  }
}

/** A message from a server, checked; undefined for a type we do not know. Throws TUN_ERR_PROTOCOL naming the field. */
export function parseToAgent(message: Record<string, unknown>): ToAgent | undefined {
  switch (message.type) {
    case 'welcome':
      return {
        type: 'welcome',
        session: required(text(message, 'welcome', 'session'), 'welcome.session'),
        ...optional('secret', text(message, 'welcome', 'secret')),
        ...optional('grace', integer(message, 'welcome', 'grace')),
        ...optional('links', integer(message, 'welcome', 'links')),
        window: required(integer(message, 'welcome', 'window'), 'welcome.window'),
        server: text(message, 'welcome', 'server') ?? 'unknown',
      }
    case 'resumed':
      return { type: 'resumed', received: offset(message, 'resumed') }
    case 'bound':
      return {
        type: 'bound',
        tunnel: required(integer(message, 'bound', 'tunnel'), 'bound.tunnel'),
        name: required(text(message, 'bound', 'name'), 'bound.name'),
        url: required(text(message, 'bound', 'url'), 'bound.url'),
        claim: required(text(message, 'bound', 'claim'), 'bound.claim'),
        ...optional('rules', flag(message, 'bound', 'rules')),
      }
    case 'refused':
      return {
        type: 'refused',
        tunnel: required(integer(message, 'refused', 'tunnel'), 'refused.tunnel'),
        code: required(text(message, 'refused', 'code'), 'refused.code'),
        message: required(text(message, 'refused', 'message'), 'refused.message'),
      }
    case 'drain':
      return { type: 'drain' }
    default:
      return undefined
  }
}

function text(from: Record<string, unknown>, what: string, field: string): string | undefined {
  const value = from[field]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string' && value.length <= MAX_TEXT) return value
  throw new TunnelError('TUN_ERR_PROTOCOL', `${what}.${field} must be a string of at most ${MAX_TEXT} characters`)
}

function flag(from: Record<string, unknown>, what: string, field: string): boolean | undefined {
  const value = from[field]
  if (value === undefined || value === null) return undefined
  if (typeof value === 'boolean') return value
  throw new TunnelError('TUN_ERR_PROTOCOL', `${what}.${field} must be true or false`)
}

function integer(from: Record<string, unknown>, what: string, field: string): number | undefined {
  const value = from[field]
  if (value === undefined || value === null) return undefined
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff_ffff) return value as number
  throw new TunnelError('TUN_ERR_PROTOCOL', `${what}.${field} must be a whole number below 2^32`)
}

function linkNumber(hello: Record<string, unknown>): number | undefined {
  const link = integer(hello, 'hello', 'link')
  if (link === undefined || link < MAX_LINKS) return link
  throw new TunnelError('TUN_ERR_PROTOCOL', `hello.link must be below ${MAX_LINKS}`)
}

/** A place in the bytes of a session: a whole number below 2^53. */
function offset(from: Record<string, unknown>, what: string): number {
  const value = from.received
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number
  throw new TunnelError('TUN_ERR_PROTOCOL', `${what}.received must be a whole number below 2^53`)
}

function required<T>(value: T | undefined, field: string): T {
  if (value === undefined) throw new TunnelError('TUN_ERR_PROTOCOL', `${field} is missing`)
  return value
}

function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T }
}
