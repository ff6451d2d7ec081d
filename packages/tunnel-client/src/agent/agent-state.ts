/**
 * Where the agent stands. `connecting`: an attempt is under way. `online`: the server has given the name.
 * `waiting`: until the next attempt. `stopping`: leaving in order. `stopped`: for good.
 */
export type AgentState = 'idle' | 'connecting' | 'online' | 'waiting' | 'stopping' | 'stopped'
/** `refused`: by the server, and trying again would not help. */
export type AgentEvent = 'start' | 'opened' | 'lost' | 'retry' | 'refused' | 'stop' | 'left'

const transitions: Record<AgentState, Partial<Record<AgentEvent, AgentState>>> = {
  idle: { start: 'connecting', stop: 'stopped' },
  connecting: { opened: 'online', lost: 'waiting', refused: 'stopped', stop: 'stopped' },
  online: { lost: 'waiting', refused: 'stopped', stop: 'stopping' },
  waiting: { retry: 'connecting', stop: 'stopped' },
  stopping: { left: 'stopped', lost: 'stopped', refused: 'stopped', stop: 'stopping' },
  stopped: { stop: 'stopped' },
}

/** The state after `event`; undefined where it means nothing any more: a late event of something that is over. */
export function nextAgentState(state: AgentState, event: AgentEvent): AgentState | undefined {
  return transitions[state][event]
}
