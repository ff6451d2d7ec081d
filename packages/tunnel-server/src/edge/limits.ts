import type { RequestHeadLimits } from 'tunnel-protocol'

/** What one visitor, or all visitors of one tunnel, may take of the server. Times in milliseconds; 0: no limit, where not said otherwise. */
export interface EdgeLimits extends RequestHeadLimits {
  /** From the first byte that is awaited to the end of a request head; then 408. */
  headTimeoutMs: number
  /** Idle time of a connection between requests; then it is closed. 0: at once. */
  keepAliveMs: number
  /** How long a visitor may keep a request waiting: a body that does not come (408), an answer that is not read (the connection breaks). */
  visitorTimeoutMs: number
  /** How long a request or an upgraded connection may carry nothing in either direction (504, or the connection breaks). */
  idleTimeoutMs: number
  /** How long a request waits for a tunnel whose agent has lost its link; then 503. 0: not at all. */
  parkMs: number
  /** Requests that may wait so at once, for all tunnels together; beyond: 503 at once. */
  maxParked: number
  /** What they may hold together, in bytes. */
  maxParkedBytes: number
  /** Bytes of a request head; beyond: 431. */
  maxHeaderBytes: number
  /** Bytes of a request body, without chunk framing; beyond: 413. 0: no limit. */
  maxBodyBytes: number
  /** Requests and upgraded connections of one tunnel at once; beyond: 503. */
  maxStreamsPerTunnel: number
  /** The same of one visitor (see addressGroup); beyond: 429. */
  maxStreamsPerVisitor: number
}
