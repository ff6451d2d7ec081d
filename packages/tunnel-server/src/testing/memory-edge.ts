import type { Socket } from 'node:net'
import { type Session, silentLogger } from 'tunnel-protocol'
import { type MemorySocket, socketPair, turn } from 'tunnel-protocol/testing'
import { Admission } from '../edge/admission.js'
import type { EdgeSettings } from '../edge/context.js'
import { Gates } from '../edge/gate/gates.js'
import { type EdgeContext, VisitorConnection } from '../edge/visitor.js'
import { Directory } from '../registry/directory.js'
import { LIMITS } from './visitor-world.js'

export const EDGE_DOMAIN = 'localhost'
/** The one tunnel, and the agent's number for it. */
export const TUNNEL_NAME = 'demo'
export const TUNNEL_NUMBER = 7
export const MAX_HEADER_BYTES = 2_000

/** An end of a connection that is not read unless it should be, and remembers what came. */
export class MemoryVisitor {
  readonly socket: MemorySocket
  /** The edge's end. */
  readonly far: MemorySocket
  readonly #received: Buffer[] = []
  ended = false
  wasReset = false

  constructor(socket: MemorySocket, far: MemorySocket) {
    this.socket = socket
    this.far = far
    socket.on('data', (part: Buffer) => this.#received.push(part))
    socket.on('end', () => {
      this.ended = true
    })
    socket.on('error', () => {
      this.wasReset = true
    })
  }

  get received(): Buffer {
    return Buffer.concat(this.#received)
  }

  /** The edge sends nothing more on this connection. */
  get over(): boolean {
    return this.ended || this.wasReset
  }
}

/** Settings of an edge whose one tunnel is held by the agent at the other end of `session`. */
export function edgeSettings(session: Session, handOver: EdgeSettings['handOver']): EdgeSettings {
  const directory = new Directory()
  const holder = { id: 'agent', session, instance: undefined, attached: true, hasEnded: () => session.closed }
  directory.add(TUNNEL_NAME)
  directory.enter(TUNNEL_NAME, holder, TUNNEL_NUMBER)
  return {
    domain: EDGE_DOMAIN,
    directory,
    passKey: Buffer.alloc(32),
    interstitial: false,
    abuseContact: undefined,
    limits: { ...LIMITS, maxHeaderBytes: MAX_HEADER_BYTES },
    accessLog: silentLogger, // what is logged is put together all the same
    handOver,
  }
}

/** What an edge is to its connections, without ports and timers. */
export class MemoryEdge implements EdgeContext {
  readonly settings: EdgeSettings
  readonly gates: Gates
  readonly admission: Admission
  readonly connections = new Set<VisitorConnection>()
  /** What the server's own pages were given, each with what came before on its connection. */
  readonly handedOver: Buffer[] = []
  readonly clock = 1_000
  readonly draining = false

  constructor(session: Session) {
    this.settings = edgeSettings(session, (socket, bytes) => {
      this.handedOver.push(bytes)
      socket.on('error', () => {})
      socket.on('end', () => socket.destroy())
      socket.resume()
    })
    this.gates = new Gates(this.settings)
    this.admission = new Admission(this.settings.limits)
  }

  isTrusted(): boolean {
    return false
  }

  closed(connection: VisitorConnection): void {
    this.connections.delete(connection)
  }

  /** `highWaterMark`: how much the edge writes to a visitor who does not read before it notices. */
  connect(highWaterMark?: number): MemoryVisitor {
    const [near, far] = socketPair(highWaterMark)
    this.connections.add(new VisitorConnection(far as unknown as Socket, this))
    return new MemoryVisitor(near, far)
  }
}

/** The edge looks at one refused request in a turn: more turns than there are requests in any test. */
const QUIET_TURNS = 24

/** Go on until nothing moves any more; `pump` moves what the event loop does not, and returns whether it did. */
export async function settle(pump: () => boolean): Promise<void> {
  for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
    await turn()
    if (pump()) quiet = 0
  }
}
