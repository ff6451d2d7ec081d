import { type BindRequest, type ErrorCode, type Rules, TunnelError } from 'tunnel-protocol'
import type { Credentials } from '../accounts/entrance.js'
import { FieldError } from '../accounts/field-error.js'
import type { AdminCall } from '../accounts/service.js'
import type { Totals } from '../api/context.js'
import type { Grant } from '../control/authority.js'
import type { LinkRequest } from '../control/endpoint.js'
import type { ServerOptions } from '../options.js'

/*
 * What the main process and its workers say to each other. Both are of one build: nothing is checked, nothing is versioned.
 */

/** A failure on its way between processes. */
export interface Failure {
  code: ErrorCode
  detail: string
  /** Of a FieldError. */
  field?: string
}

/** A name that belongs to somebody. */
export interface NameState {
  name: string
  /** What workers call it among themselves; above 0, and another one with other rules. */
  number: number
  /** What is asked of its visitors. */
  rules?: Rules | undefined
  /** Workers that have an agent of it, with a link. */
  at: Place[]
}

export interface Place {
  worker: number
  /** See agentOf(). */
  agents: string[]
}

export interface Start {
  type: 'start'
  /** Which worker this is, from 1. */
  worker: number
  options: ServerOptions
  /** Public URL of the bare domain; empty until `url` says it. */
  url: string
  /** As GateSettings has it, in base64. */
  passKey: string
  names: NameState[]
}

/** The answer to a question of the worker's. */
export interface Answer {
  type: 'answer'
  question: number
  error?: Failure
  grant?: Grant
  totals?: Totals
  /** As AccountService's methods give it. */
  value?: unknown
}

export type ToWorker =
  | Start
  | Answer
  | { type: 'url'; url: string }
  /** Asks for a sign of life: pong. */
  | { type: 'ping' }
  /** With a socket: a visitor has connected. */
  | { type: 'visitor' }
  /** With a socket: the way to another worker; `opens`: the one on which this worker opens streams. */
  | { type: 'peer'; worker: number; opens: boolean }
  /** With a socket: a link that belongs here. */
  | { type: 'link'; request: LinkRequest }
  /** A name is new, or has other rules or workers. */
  | ({ type: 'name' } & NameState)
  | { type: 'free'; name: string }
  /** As Holder's methods. */
  | { type: 'replaced'; session: string; name: string }
  | { type: 'takenOver'; session: string; name: string; number: number }
  | { type: 'left'; session: string; name: string }
  | { type: 'end'; session: string; error: Failure }
  | { type: 'reload'; options: ServerOptions }
  /** Take nothing new, and let what is open end for so many milliseconds. */
  | { type: 'drain'; ms: number }
  /** End what is left, and exit. */
  | { type: 'close' }

export type FromWorker =
  /** It listens to what it is told. */
  | { type: 'up' }
  | { type: 'ready' }
  | { type: 'pong' }
  | { type: 'failed'; error: Failure }
  /** As Authority's methods; the first two are questions. */
  | {
      type: 'enter'
      question: number
      session: string
      credentials: Credentials
      instance?: string
      link: number
    }
  | { type: 'bind'; question: number; session: string; request: BindRequest }
  | { type: 'told'; session: string; name: string }
  | { type: 'moved'; session: string; attached: boolean }
  | { type: 'leave'; session: string }
  | { type: 'over'; session: string }
  | { type: 'totals'; question: number }
  /** As AccountService's methods. */
  | { type: 'identify'; question: number; credentials: Credentials }
  | { type: 'perform'; question: number; credentials: Credentials; call: AdminCall }
  /** The way to another worker is lost, as it is when that has ended. */
  | { type: 'wayLost'; worker: number }
  /** With a socket: a link that belongs to another worker. */
  | { type: 'handOn'; worker: number; request: LinkRequest }
  | { type: 'drained' }

export function failureOf(reason: unknown): Failure {
  const error = TunnelError.from(reason)
  const { code, detail } = error
  return error instanceof FieldError ? { code, detail, field: error.field } : { code, detail }
}

export function errorOf({ code, detail, field }: Failure): TunnelError {
  return field === undefined ? new TunnelError(code, detail) : new FieldError(field, detail)
}
