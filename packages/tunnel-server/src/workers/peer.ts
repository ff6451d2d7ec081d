import type { Socket } from 'node:net'
import { type Logger, MAX_STREAMS, Session, type SessionHandler, TunnelError, WebSocketLink } from 'tunnel-protocol'
import type { Directory } from '../registry/directory.js'
import type { Carrier } from '../registry/tunnel.js'
import { relay } from './relay.js'
import { LINK_NUMBER, StreamLink } from './stream-link.js'

const EMPTY = Buffer.alloc(0)
/** What becomes of the way, its streams hear. */
const DEAF: SessionHandler = { onControl() {}, onClose() {} }

/** What a worker is called in the logs of the others. */
export function peerId(worker: number): string {
  return `worker ${worker}`
}

/** Another worker, as one that carries the streams of tunnels whose agents it has. Its session is one of the protocol's, in which this worker is the server. */
export class Peer implements Carrier {
  readonly id: string
  readonly instance = undefined
  readonly remote = true
  readonly #onLost: () => void
  #session = new Session({ role: 'server', handler: DEAF })

  /** `onLost` is called when the way there is lost, and a new one is wanted. */
  constructor(worker: number, onLost: () => void) {
    this.id = peerId(worker)
    this.#onLost = onLost
  }

  get session(): Session {
    return this.#session
  }

  get attached(): boolean {
    return this.#session.attached
  }

  /** Of the agent's session, which is not here, the code says so (see relay.ts); and this one ends with such a code too. */
  hasEnded({ code }: TunnelError): boolean {
    return code === 'TUN_ERR_SESSION_CLOSED' || code === 'TUN_ERR_REPLACED'
  }

  /** Go on over this connection, with the worker that runs now. */
  connect(socket: Socket): void {
    const before = this.#session
    const session: Session = begin(socket, 'server', {
      ...DEAF,
      onClose: () => {
        if (this.#session === session) this.#onLost()
      },
    })
    this.#session = session
    before.close(new TunnelError('TUN_ERR_SESSION_CLOSED', 'there is a new way to the worker'))
  }
}

export interface PeerContext {
  directory: Directory
  /** An agent comes back to a session here through that worker. */
  takeLink(link: StreamLink): void
  /** Where requests are logged, if anywhere. */
  readonly accessLog: Logger | undefined
}

/** Serve the streams that worker `from` opens on this connection to worker `to`, which is this one. */
export function servePeer(socket: Socket, from: number, to: number, context: PeerContext): void {
  const { directory } = context
  const session = begin(socket, 'agent', {
    ...DEAF,
    onOpen(stream, open) {
      if (open.tunnel === LINK_NUMBER) {
        const link = new StreamLink(stream)
        context.takeLink(link)
        link.handler?.onBytes(Buffer.from(open.head, 'latin1'))
        return link
      }
      const tunnel = directory.findByNumber(open.tunnel)
      const member = tunnel === undefined ? undefined : directory.pickHere(tunnel)
      if (member === undefined) throw new TunnelError('TUN_ERR_SESSION_CLOSED', 'the agent is no longer connected')
      const { accessLog } = context
      return relay(stream, open, session, member, {
        isServedElse: () => directory.pick(member.tunnel) !== undefined,
        onRelayed:
          accessLog &&
          ((request) => accessLog.info({ request, for: from, as: `${peerId(to)}-${stream.id}` }, 'passed on')),
      })
    },
  })
}

function begin(socket: Socket, role: 'server' | 'agent', handler: SessionHandler): Session {
  const session = new Session({ role, handler, maxStreams: MAX_STREAMS })
  session.endWithLink()
  session.setPeerWindow(session.windowBytes)
  session.attach(new WebSocketLink(socket, EMPTY, role))
  return session
}
