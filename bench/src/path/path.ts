import type { Child } from '../process/child.js'
import { LOOPBACK } from '../process/ports.js'
import type { Stage } from '../process/stage.js'

/** What lies between the near side, with the server and its visitors, and the far side, with the agent and the app. */
export interface Path {
  /** Where the near side's programs listen. */
  nearHost: string
  /** Where the far side's programs listen: the app, for its agent. */
  farHost: string
  /** Starts a program on the far side. */
  startFar(name: string, command: string[]): Child
  /** What the far side dials to reach this port of the near side. */
  toNear(port: number): Promise<Place>
  /** What the near side dials to reach this port of the far side. */
  toFar(port: number): Promise<Place>
  /** Once everything that used it has been stopped. Resolves to what it was like, in words. */
  close(): Promise<string>
}

export interface Place {
  host: string
  port: number
}

/** Nothing: both sides are this machine. */
export function noPath(stage: Stage): Path {
  return {
    nearHost: LOOPBACK,
    farHost: LOOPBACK,
    startFar: (name, [command = '', ...args]) => stage.start(name, command, args),
    toNear: async (port) => ({ host: LOOPBACK, port }),
    toFar: async (port) => ({ host: LOOPBACK, port }),
    close: async () => 'this machine alone',
  }
}

/** What a path does to all that takes it. */
export interface Slowness {
  /** There and back. */
  roundTripMs: number
  /** Of packets, each way, from 0 to 1. */
  loss: number
}

/** 1 Gbit/s, each way. */
export const BYTES_PER_SECOND = 125_000_000

export const MTU_BYTES = 1_500
/** What Ethernet adds to a packet, and the line's speed counts: preamble, addresses, checksum and gap. */
export const FRAMING_BYTES = 38

/** What may wait for the line: as much as is on it, there and back, when one connection fills it. */
export function queueBytes(roundTripMs: number): number {
  return (BYTES_PER_SECOND * roundTripMs) / 1_000
}
