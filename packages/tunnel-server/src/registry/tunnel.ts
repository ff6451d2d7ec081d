import type { Session } from 'tunnel-protocol'

/** Who holds a name. */
export interface Holder {
  /** Names the session in logs. */
  readonly id: string
  readonly session: Session
  /** Its agent has a link right now. */
  readonly attached: boolean
  /** Its link may be dead: others of a pool are preferred. Default false. */
  readonly suspect?: boolean
  /** What the agent calls itself for as long as it runs. */
  readonly instance: string | undefined
  /** Which of its agent's links it is for. */
  readonly link: number
  /** Whose names these are (see accounts/tokens.ts). */
  readonly account: string
  /** A newer agent with the same claim has taken the name. */
  replaced(name: string): void
  /** An agent of the same account has taken the name on purpose; `number` is the holder's for it. */
  takenOver(name: string, number: number): void
}

/** One agent's part in a tunnel. */
export interface Member {
  readonly tunnel: Tunnel
  readonly holder: Holder
  /** The agent's number for the tunnel. */
  readonly number: number
  /** The agent has been told that the name is its own, and takes streams. */
  ready: boolean
  /** It comes after the others until then, in milliseconds since the epoch (see pick.ts). */
  avoidedUntil: number
}

/** A name and, while their agents are here, where its requests go. */
export interface Tunnel {
  readonly name: string
  account: string
  /** Which of the times that the name was given this is (see claims.ts). */
  tenure: string
  /** An agent has been told a claim of this tenure. */
  given: boolean
  /** Several agents may serve it. */
  pooled: boolean
  /** Visitors' streams open right now; the edge counts them. */
  streams: number
  /** Called when the tunnel can be reached again, or is no more: visitors who wait for that. */
  readonly waiting: Set<() => void>
  /** At most one unless it is pooled; empty while the agents are away. */
  members: Member[]
  /** Where the next search for a member begins. */
  turn: number
  /** When the name is free again while it has no members, in milliseconds since the epoch. */
  leaseEnds: number
}

/** What has to be known of a name to keep it for its owner. */
export interface NameRecord {
  name: string
  account: string
  tenure: string
  pooled: boolean
}
