import type { RequestHead } from 'tunnel-protocol'
import type { Answer } from '../answer.js'
import type { Door } from './door.js'

/** Why a request is not let in: a rule, as it is called in logs. */
export type Refuser = 'allowIp' | 'denyIp' | 'basicAuth' | 'password' | 'interstitial'

/** What becomes of a request at the gate. */
export type Verdict =
  /** It goes on to the agent, with this head. */
  | { kind: 'pass'; request: RequestHead }
  | { kind: 'refuse'; by: Refuser; answer: Answer }
  /** Ask again when the promise has resolved, which it does in any case. */
  | { kind: 'wait'; until: Promise<void> }
  /** It is for a page of ours. */
  | { kind: 'door'; door: Door }
