import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'tunnel-protocol'
import type { AccountService } from '../accounts/service.js'
import type { Directory } from '../registry/directory.js'

export interface Totals {
  /** Tunnels of which an agent is here. */
  tunnels: number
  /** Links of agents. */
  sessions: number
  uptimeSeconds: number
}

/** What the server's own pages and API need to know. */
export interface ApiContext {
  accounts: AccountService
  domain: string
  directory: Directory
  isTrusted(address: string): boolean
  logger: Logger
  /** Software and version. */
  software: string
  /** Of the whole server, right now. */
  totals(): Totals | Promise<Totals>
  /** Public URL of the bare domain. */
  publicUrl(): string
  /** Returns whether the connection is a link now; else it has been refused and ends. */
  onUpgrade(request: IncomingMessage, socket: Socket, head: Buffer): boolean
}
