import {
  IDEMPOTENT_METHODS,
  type OpenRequest,
  type Session,
  type Stream,
  type StreamHandler,
  StreamKind,
  TunnelError,
} from 'tunnel-protocol'
import type { Member } from '../registry/tunnel.js'

/** Frames other than DATA that may wait on the way to another worker; what adds to them beyond is given up, and not the way itself. */
const MAX_QUEUED_BYTES = 8 * 1024 * 1024

export interface RelayEvents {
  /** Could somebody else be asked? */
  isServedElse(): boolean
  /** `request`: what it is called in the agent's log. Absent where nobody listens. */
  onRelayed: ((request: string) => void) | undefined
}

/**
 * A stream that another worker has opened here, and the one it goes on as, to the agent. Both sides hold back what the other one does not read, by their credit.
 * Throws what Session.openStream throws.
 */
export function relay(
  far: Stream,
  open: OpenRequest,
  way: Session,
  member: Member,
  { isServedElse, onRelayed }: RelayEvents,
): StreamHandler {
  const agent = member.holder.session
  const toAgent = new Lane()
  const fromAgent = new Lane()
  toAgent.from = far
  toAgent.back = fromAgent
  fromAgent.to = far
  fromAgent.back = toAgent
  fromAgent.hasRoom = () => way.queuedBytes < MAX_QUEUED_BYTES
  fromAgent.mayMove = () => isRepeatable(open) && isServedElse()
  // A worker that is gone takes its visitors with it. That a session is over is told apart from what its agent says of one
  // stream by the code (Peer.hasEnded).
  toAgent.meaning = (error) => (way.closed ? new TunnelError('TUN_ERR_VISITOR_GONE', error.detail) : error)
  fromAgent.meaning = (error) =>
    agent.closed && error.code === 'TUN_ERR_DRAINING' ? new TunnelError('TUN_ERR_SESSION_CLOSED', error.detail) : error
  const kind = open.kind === StreamKind.Upgrade ? StreamKind.Upgrade : StreamKind.Http
  const near = agent.openStream(kind, member.number, open.head, open.bodyless, fromAgent)
  fromAgent.from = near
  toAgent.to = near
  onRelayed?.(`${member.holder.id}-${near.id}`)
  return toAgent
}

/** As edge/repeat.ts has it, of a head that nobody here has parsed. */
function isRepeatable({ head, bodyless }: OpenRequest): boolean {
  return bodyless && IDEMPOTENT_METHODS.has(head.slice(0, head.indexOf(' ')))
}

/** One direction: what comes on one stream goes out on the other. */
class Lane implements StreamHandler {
  from!: Stream
  to!: Stream
  /** The other direction. */
  back!: Lane
  hasRoom = () => true
  /** Another agent may have the request, if this one has not answered yet. */
  mayMove = () => false
  meaning = (error: TunnelError) => error
  /** Bytes that have come, and wait to be sent on; credit for them is owed. */
  #owed = 0
  #trailers = ''
  #ended = false
  #answered = false

  onHead(head: string): void {
    this.#answered = true
    if (this.#check()) this.to.sendHead(head, false)
  }

  onInterim(head: string): void {
    this.#answered = true
    if (this.#check()) this.to.sendInterim(head)
  }

  onData(part: Buffer): void {
    if (this.to.write(part)) this.from.consumed(part.length)
    else this.#owed += part.length
  }

  onTrailers(trailers: string): void {
    this.#trailers = trailers
  }

  onEnd(): void {
    this.#ended = true
    if (this.#check()) this.to.end(this.#trailers)
  }

  onReset(error: TunnelError): void {
    const { code, detail } = this.meaning(error)
    // What was sent in order before arrives in order.
    if (this.#ended) this.to.stopReceiving(code, detail)
    else this.to.reset(code, detail)
  }

  /** The agent has lost its link: the worker that has the visitor is told as if the session were over, and asks another one. */
  onDetached(): void {
    if (this.#answered || !this.mayMove()) return
    this.from.reset('TUN_ERR_VISITOR_GONE', 'another agent has the request')
    this.to.reset('TUN_ERR_SESSION_CLOSED', 'the agent lost its connection')
  }

  /** What the other direction has written on `from` has been sent. */
  onDrain(): void {
    this.back.#settle()
  }

  #settle(): void {
    const owed = this.#owed
    this.#owed = 0
    if (owed > 0) this.from.consumed(owed)
  }

  /** Returns false, and gives both streams up, where the way out is full. */
  #check(): boolean {
    if (this.hasRoom()) return true
    const detail = 'the way between two workers is full'
    this.from.reset('TUN_ERR_TOO_MANY_STREAMS', detail)
    this.to.reset('TUN_ERR_TOO_MANY_STREAMS', detail)
    return false
  }
}
