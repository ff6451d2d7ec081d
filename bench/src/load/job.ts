/** Where visitors find a target: loopback, with the Host that the target wants to see. */
export interface Address {
  port: number
  host: string
}

/** What one load process is told to do, as JSON in its first argument. */
export type Job = Address &
  (
    | { kind: 'requests'; path: string; connections: number; seconds: number }
    | { kind: 'download'; streams: number; bytes: number; bytesPerSecond: number }
    | { kind: 'upload'; streams: number; bytes: number; chunked: boolean }
    | { kind: 'echo'; sockets: number; inFlight: number; messageBytes: number; seconds: number }
    | { kind: 'background'; downloads: number; stuck: number }
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

/** Bytes carried within a time. */
export interface Carried {
  bytes: number
  seconds: number
  /** Transfers that did not come to their end. */
  errors: number
}
