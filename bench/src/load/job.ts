import type { Place } from '../path/path.js'

/** Where visitors find a target, and the Host that it wants to see. */
export interface Address {
  /** Loopback unless given. */
  ip?: string
  port: number
  host: string
}

/** One stream at the speed it reaches after `rampSeconds`. */
export interface Flow {
  direction: 'down' | 'up'
  rampSeconds: number
  seconds: number
  /** The app itself, which counts what goes up: a tunnel that has much under way is slow to ask. */
  app: Place
}

/** What one load process is told to do, as JSON in its first argument. */
export type Job = Address &
  (
    | { kind: 'requests'; path: string; connections: number; seconds: number }
    | { kind: 'download'; streams: number; bytes: number; bytesPerSecond: number }
    | { kind: 'upload'; streams: number; bytes: number; chunked: boolean }
    | { kind: 'echo'; sockets: number; inFlight: number; messageBytes: number; seconds: number }
    | { kind: 'background'; downloads: number; stuck: number }
    | ({ kind: 'flow' } & Flow)
    | { kind: 'tunnels'; count: number }
  )

/** Requests or messages answered within a time. */
export interface Answers {
  count: number
  seconds: number
  p50Ms: number
  p99Ms: number
  /** Answers other than 200, and connections that broke. */
  errors: number
}

/** Tunnels that one process has opened. */
export interface Opened {
  count: number
  errors: number
  /** What the process held with its first tunnel, and with all of them. */
  firstBytes: number
  allBytes: number
}

/** Bytes carried within a time. */
export interface Carried {
  bytes: number
  seconds: number
  /** Transfers that did not come to their end. */
  errors: number
}
