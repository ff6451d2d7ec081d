import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { TunnelRegistry } from '../registry/tunnels.js'

/** What the server's own pages and API need to know. */
export interface ApiContext {
  domain: string
  registry: TunnelRegistry
  /** Software and version. */
  software: string
  /** Links of agents right now. */
  sessionCount(): number
  /** Public URL of the bare domain. */
  publicUrl(): string
  /** Returns whether the connection is a link now; else it has been refused and ends. */
  onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): boolean
}
