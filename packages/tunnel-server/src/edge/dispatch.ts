import { type PeerFacts, type Provenance, provenance, type RequestHead, TunnelError } from 'tunnel-protocol'
import { addressGroup } from '../policy/address-group.js'
import type { Member, Tunnel } from '../registry/tunnel.js'
import { accessFields } from './access-line.js'
import type { Answer } from './answer.js'
import type { Edge } from './context.js'
import { Exchange, type VisitorSide } from './exchange.js'
import { withoutOurCookies } from './gate/cookies.js'
import type { Door } from './gate/door.js'
import type { Verdict } from './gate/verdict.js'
import type { ParkedRequest } from './parking.js'
import { isRepeatable, type Loss, MAX_TRIES } from './repeat.js'

/** A visitor's connection, as the dispatch of its requests sees it. */
export interface RequestSide extends VisitorSide, ParkedRequest {
  /** Answer the current request, which is over then. */
  answer(answer: Answer, request: RequestHead): void
  /** The request is for a page of ours: the connection is for whoever serves these. */
  handOver(request: RequestHead, door: Door): void
  /** Bytes that have come behind the head of the current request, and wait like it. */
  readonly heldBytes: number
  /** The request is on its way, and its body may follow. */
  sent(request: RequestHead): void
  /** It waits, for so many milliseconds at most: then timeOut() is owed. 0: for as long as it takes. */
  waits(ms: number): void
  /** It has waited, and is on its way: what has come meanwhile may be read. */
  goesOn(): void
}

/** What a request that waits holds beside its text, in bytes; an estimate. */
const PARKED_BASE_BYTES = 1_024

/**
 * The way of a request from its head to an agent: finds the tunnel, has it checked at the tunnel's gate, counts it against its limits, lets it wait while no agent
 * is there, sends it, and sends it once more where that is safe. Belongs to a connection, and has one request at a time.
 */
export class Dispatch {
  readonly #edge: Edge
  readonly #side: RequestSide
  readonly #peer: PeerFacts
  /** addressGroup of the peer, which is the visitor unless it is a trusted proxy. */
  readonly #peerGroup: string
  /** Where the last request came from. */
  #from: Provenance | undefined
  /** The current request, and where it goes. */
  #request: RequestHead | undefined
  #tunnel: Tunnel | undefined
  /** Its head as the gate has let it through. */
  #passed: RequestHead | undefined
  #isGuarded = false
  /** Against whom the request counts; undefined while it is not admitted. */
  #visitor: string | undefined
  /** How often it has been sent. */
  #tries = 0
  #exchange: Exchange | undefined
  /** Takes the request that waits for its tunnel on its way again. */
  #parked: (() => void) | undefined
  /** What the gate waits for before it can say more. */
  #awaited: Promise<void> | undefined

  constructor(edge: Edge, side: RequestSide, peer: PeerFacts) {
    this.#edge = edge
    this.#side = side
    this.#peer = peer
    this.#peerGroup = addressGroup(peer.address)
  }

  /** The exchange of the current request, once that has been sent. */
  get exchange(): Exchange | undefined {
    return this.#exchange
  }

  /** The current request has come through a gate. */
  get isGuarded(): boolean {
    return this.#isGuarded
  }

  /** The current request waits for its tunnel, or for the gate. */
  get waiting(): boolean {
    return this.#parked !== undefined || this.#awaited !== undefined
  }

  /** There is a request, sent or not. */
  get busy(): boolean {
    return this.#exchange !== undefined || this.waiting
  }

  /** Send `request` to the tunnel `name`; undefined: its host is none of ours. Refuses it where that can't be. */
  begin(request: RequestHead, name: string | undefined): void {
    try {
      const tunnel = name === undefined ? undefined : this.#edge.settings.directory.find(name)
      if (tunnel === undefined) {
        if (name !== undefined) throw noTunnel(name)
        throw new TunnelError('TUN_ERR_NO_TUNNEL', `${shown(request.host!)} is not served here`)
      }
      const { maxBodyBytes } = this.#edge.settings.limits
      if (maxBodyBytes > 0 && request.contentLength > maxBodyBytes) throw bodyTooLarge(maxBodyBytes)
      this.#from = this.#provenanceOf(request)
      this.#request = request
      this.#tunnel = tunnel
      this.#tries = 0
      this.#proceed()
    } catch (error) {
      this.#side.refuse(TunnelError.from(error), request)
    }
  }

  /**
   * Through the gate, and to `member`, or whoever is next, or to wait for somebody. Called again whenever the request is to be sent: the rules may be others by
   * then. Returns whether it has been sent. Throws where a limit is reached, what Session.openStream throws, and where the request can't wait.
   */
  #proceed(member?: Member): boolean {
    const tunnel = this.#tunnel!
    const request = this.#request!
    const gate = this.#edge.gates.of(tunnel)
    this.#isGuarded = gate !== undefined
    if (gate === undefined) {
      this.#passed = withoutOurCookies(request)
    } else {
      const verdict = gate.check(request, this.#from!)
      if (verdict.kind !== 'pass') {
        this.#stop(verdict)
        return false
      }
      this.#passed = verdict.request
    }
    if (this.#visitor === undefined) this.#admit(tunnel)
    const next = member ?? this.#edge.settings.directory.pick(tunnel)
    if (next === undefined) this.#park()
    else this.#open(next)
    return next !== undefined
  }

  #stop(verdict: Exclude<Verdict, { kind: 'pass' }>): void {
    const request = this.#request!
    if (verdict.kind === 'wait') {
      this.#await(verdict.until)
    } else if (verdict.kind === 'door') {
      this.#side.handOver(request, verdict.door)
    } else {
      const { by, answer } = verdict
      this.#edge.settings.accessLog?.info(accessFields(request, this.#from!, answer.status), `refused by ${by}`)
      this.#side.answer(answer, request)
    }
  }

  /** Throws where a limit is reached. */
  #admit(tunnel: Tunnel): void {
    const visitor = this.#peer.trusted ? addressGroup(this.#from!.visitor) : this.#peerGroup
    this.#edge.admission.enter(tunnel, visitor)
    this.#visitor = visitor
  }

  /** Of a peer that is not believed only the host can change from request to request, and it hardly ever does. */
  #provenanceOf(request: RequestHead): Provenance {
    const last = this.#from
    if (last !== undefined && !this.#peer.trusted && last.host === request.host) return last
    return provenance(request, this.#peer)
  }

  /** Throws what Session.openStream throws. */
  #open(member: Member): void {
    const request = this.#passed!
    this.#tries++
    this.#exchange = new Exchange(this.#side, request, member, this.#from!, this.#edge.settings.accessLog)
    this.#side.sent(request)
  }

  /** The agent has lost its link and may be back in a moment: until then the request waits here, where it costs little. */
  #park(): void {
    const request = this.#request!
    const tunnel = this.#tunnel!
    const { parkMs } = this.#edge.settings.limits
    const held = request.target.length + request.forward.length + this.#side.heldBytes
    if (parkMs === 0 || !this.#edge.admission.parking.enter(this.#side, PARKED_BASE_BYTES + held)) throw offline(tunnel)
    this.#parked = () => {
      this.#unpark()
      this.#goOn()
    }
    tunnel.waiting.add(this.#parked)
    this.#side.waits(parkMs)
  }

  #await(until: Promise<void>): void {
    this.#awaited = until
    this.#side.waits(0)
    void until.then(() => {
      if (this.#awaited !== until) return // it has been given up, and maybe another one waits
      this.#awaited = undefined
      this.#goOn()
    })
  }

  /** The request has waited. */
  #goOn(): void {
    const tunnel = this.#tunnel!
    const request = this.#request!
    try {
      if (this.#edge.settings.directory.find(tunnel.name) !== tunnel) throw noTunnel(tunnel.name)
      if (this.#proceed()) this.#side.goesOn()
    } catch (error) {
      this.#side.refuse(TunnelError.from(error), request)
    }
  }

  #unpark(): void {
    if (this.#parked === undefined) return
    this.#tunnel!.waiting.delete(this.#parked)
    this.#parked = undefined
    this.#edge.admission.parking.leave(this.#side)
  }

  /** So many bytes more have come behind the current request. */
  holds(bytes: number): void {
    if (this.#parked !== undefined) this.#edge.admission.parking.grow(this.#side, bytes)
  }

  /** The stream has been lost: as VisitorSide.repeat. */
  repeat(loss: Loss): boolean {
    const request = this.#request!
    const tunnel = this.#tunnel!
    if (this.#tries >= MAX_TRIES || !isRepeatable(request, loss)) return false
    const { directory } = this.#edge.settings
    const wasSentBack = loss === 'appDown' || loss === 'draining'
    const next = wasSentBack ? directory.pickInstead(this.#exchange!.member) : directory.pick(tunnel)
    // With nobody else to send it to, it waits only for an agent that may be back, and only if it has no agent any more.
    const isExpected = loss === 'sessionOver' && !this.#edge.draining && directory.find(tunnel.name) === tunnel
    if (next === undefined && !isExpected) return false
    this.#exchange = undefined
    try {
      this.#proceed(next)
    } catch (error) {
      this.#side.refuse(TunnelError.from(error), request)
    }
    return true
  }

  /** The request has waited for too long. */
  timeOut(): void {
    this.giveUp(offline(this.#tunnel!))
  }

  /** Refuse the request that waits. */
  giveUp(error: TunnelError): void {
    this.#side.refuse(error, this.#request!)
  }

  /** The current request, if there is one, is no longer ours. Returns its exchange. */
  release(): Exchange | undefined {
    const exchange = this.#exchange
    this.#unpark()
    this.#awaited = undefined
    this.#exchange = undefined
    this.#request = undefined
    this.#passed = undefined
    if (this.#visitor !== undefined) {
      this.#edge.admission.leave(this.#tunnel!, this.#visitor)
      this.#visitor = undefined
    }
    return exchange
  }
}

/** As much of what a visitor made up as a person wants to read. */
function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

function noTunnel(name: string): TunnelError {
  return new TunnelError('TUN_ERR_NO_TUNNEL', `there is no tunnel named "${shown(name)}" here`)
}

function offline(tunnel: Tunnel): TunnelError {
  return new TunnelError(
    'TUN_ERR_TUNNEL_OFFLINE',
    `the tunnel "${tunnel.name}" has lost its connection and is expected back`,
  )
}

export function bodyTooLarge(maxBodyBytes: number): TunnelError {
  return new TunnelError('TUN_ERR_BODY_TOO_LARGE', `request bodies here have ${maxBodyBytes} bytes at most`)
}
