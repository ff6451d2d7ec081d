/**
 * Where the agent stands. The session that counts is the one that has the name, or is to get it.
 * `connecting`: an attempt at a new session, from dialling to the name. `online`: the session has a link. `detached`: it has lost its link, and waits
 * with us for the next attempt. `resuming`: an attempt to go on with it. `waiting`: there is none, until the next attempt.
 * `leaving`: the server is told, open requests end. `stopped`: for good.
 */
export type AgentState = 'idle' | 'connecting' | 'online' | 'detached' | 'resuming' | 'waiting' | 'leaving' | 'stopped'

/**
 * `opened`: the name is ours, or the session goes on. `failed`: an attempt came to nothing. `lost`: the link of the session. `ended`: the session itself.
 * `moved`: its server is shutting down, and it counts no more, though it serves on. `retry`: it is time for the next attempt. `refused`: by the server,
 * and trying again would not help. `left`: the last session is over.
 */
export type AgentEvent =
  | 'start'
  | 'opened'
  | 'failed'
  | 'lost'
  | 'ended'
  | 'moved'
  | 'retry'
  | 'refused'
  | 'stop'
  | 'left'

/** docs/architecture.md draws this table; a test compares them. */
export const agentTransitions: Record<AgentState, Partial<Record<AgentEvent, AgentState>>> = {
  idle: { start: 'connecting', stop: 'leaving' },
  connecting: { opened: 'online', failed: 'waiting', ended: 'waiting', refused: 'leaving', stop: 'leaving' },
  online: { lost: 'detached', ended: 'waiting', moved: 'waiting', refused: 'leaving', stop: 'leaving' },
  detached: { retry: 'resuming', ended: 'waiting', stop: 'leaving' },
  resuming: { opened: 'online', failed: 'detached', ended: 'waiting', refused: 'leaving', stop: 'leaving' },
  waiting: { retry: 'connecting', stop: 'leaving' },
  leaving: { left: 'stopped' },
  stopped: {},
}

/** The state after `event`; undefined where it means nothing any more: a late event of something that is over. */
export function nextAgentState(state: AgentState, event: AgentEvent): AgentState | undefined {
  return agentTransitions[state][event]
}
