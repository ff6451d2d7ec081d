import { TunnelError } from '../errors.js'

export type StreamState = 'open' | 'halfClosedLocal' | 'halfClosedRemote' | 'closed'
export type StreamEvent = 'sendEnd' | 'receiveEnd' | 'reset'

const transitions: Record<StreamState, Partial<Record<StreamEvent, StreamState>>> = {
  open: { sendEnd: 'halfClosedLocal', receiveEnd: 'halfClosedRemote', reset: 'closed' },
  halfClosedLocal: { receiveEnd: 'closed', reset: 'closed' },
  halfClosedRemote: { sendEnd: 'closed', reset: 'closed' },
  closed: { reset: 'closed' }, // both ends may reset at the same moment
}

/** The state after `event`. Throws TUN_ERR_PROTOCOL where the table has no cell. */
export function nextState(state: StreamState, event: StreamEvent): StreamState {
  const next = transitions[state][event]
  if (next === undefined) throw new TunnelError('TUN_ERR_PROTOCOL', `${event} while ${state}`)
  return next
}
