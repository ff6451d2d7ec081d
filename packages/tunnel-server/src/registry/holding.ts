import type { Rules, TunnelError } from 'tunnel-protocol'

/** A session of an agent, as far as names are concerned. */
export interface Holder {
  /** Names the session in logs. */
  readonly id: string
  /** Its agent has a link right now. */
  readonly attached: boolean
  /** What the agent calls itself for as long as it runs. */
  readonly instance: string | undefined
  /** Which of its agent's links it is for. */
  readonly link: number
  /** Whose names these are (see accounts/entrance.ts); the authority says so when the session begins. */
  account: string
  /** A newer agent with the same claim has taken the name. */
  replaced(name: string): void
  /** An agent of the same account has taken the name on purpose; `number` is the holder's for it. */
  takenOver(name: string, number: number): void
  /** The agent has given the name up, on another one of its links. */
  left(name: string): void
  /** The session is over: its account may not be here any more. */
  end(error: TunnelError): void
}

/** Which agent a session is of: the same for all of its links. */
export function agentOf({ instance, id }: Pick<Holder, 'instance' | 'id'>): string {
  return instance ?? id
}

/** One session's part in a name. */
export interface Seat {
  readonly holder: Holder
  /** The agent's number for the tunnel. */
  readonly number: number
  /** The agent has been told that the name is its own, and takes streams. */
  told: boolean
}

/** What has to be known of a name to keep it for its owner. */
export interface NameRecord {
  name: string
  account: string
  /** Which of the times that the name was given this is (see claims.ts). */
  tenure: string
  /** Several agents may serve it. */
  pooled: boolean
}

/** A name that belongs to somebody. */
export interface Holding extends NameRecord {
  readonly name: string
  /** An agent has been told a claim of this tenure. */
  given: boolean
  /** What is asked of its visitors. Those of an earlier process are not known: until an agent is back there is nobody to be protected. */
  rules: Rules | undefined
  /** Of one agent unless it is pooled; empty while the agents are away. */
  seats: Seat[]
  /** When the name is free again while it has no seats, in milliseconds since the epoch. */
  leaseEnds: number
}
