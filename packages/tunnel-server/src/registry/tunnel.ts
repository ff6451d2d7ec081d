import type { Rules, Session, TunnelError } from 'tunnel-protocol'

/** What carries the streams of a tunnel: the session of an agent, or the way to another worker that has one. */
export interface Carrier {
  /** Names it in logs. */
  readonly id: string
  readonly session: Session
  /** It has a link right now. */
  readonly attached: boolean
  /** Its link may be dead: others are preferred. Default false. */
  readonly suspect?: boolean
  /** It leads to another worker: those that are here are preferred. Default false. */
  readonly remote?: boolean
  /** What the agent calls itself for as long as it runs. */
  readonly instance: string | undefined
  /** Whether a stream that ended with `error` did so because the agent's session is over. */
  hasEnded(error: TunnelError): boolean
}

/** Who serves a tunnel, or a part of its requests. */
export interface Member {
  readonly tunnel: Tunnel
  readonly holder: Carrier
  /** The carrier's number for the tunnel. */
  number: number
  /** The agents it leads to (see agentOf()): one, unless they are another worker's. */
  agents: readonly string[]
  /** It comes after the others until then, in milliseconds since the epoch (see pick.ts). */
  avoidedUntil: number
}

/** A name that belongs to somebody and, while that is here, where its requests go. */
export interface Tunnel {
  readonly name: string
  /**
   * What workers call it among themselves, as long as its rules are the same: a request that was let in by others finds nobody. 0 where there is
   * one process.
   */
  number: number
  /** What is asked of its visitors. */
  rules: Rules | undefined
  /** Visitors' streams open right now; the edge counts them. */
  streams: number
  /** Called when the tunnel can be reached again, or is no more: visitors who wait for that. */
  readonly waiting: Set<() => void>
  /** Empty while the agents are away. */
  members: Member[]
  /** Where the next search for a member begins. */
  turn: number
}
