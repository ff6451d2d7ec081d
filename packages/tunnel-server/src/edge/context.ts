import type { Socket } from 'node:net'
import type { Directory } from '../registry/directory.js'
import type { Admission } from './admission.js'
import type { GateSettings } from './gate/context.js'
import type { Door } from './gate/door.js'
import type { Gates } from './gate/gates.js'
import type { EdgeLimits } from './limits.js'

/** What holds for all visitors' connections. */
export interface EdgeSettings extends GateSettings {
  domain: string
  directory: Directory
  limits: EdgeLimits
  /** The server's own pages and API take the connection, from the bytes given on. `door`: the request that they begin with is for it, and not for the bare domain. */
  handOver(socket: Socket, bytes: Buffer, door: Door | undefined): void
}

/** What visitors' requests need of the edge they came in through. */
export interface Edge {
  readonly settings: EdgeSettings
  readonly gates: Gates
  readonly admission: Admission
  /** Milliseconds since the epoch, a second old at most: good enough for deadlines, and free. */
  readonly clock: number
  /** The server is shutting down: no connection is kept. */
  readonly draining: boolean
  isTrusted(address: string): boolean
}
