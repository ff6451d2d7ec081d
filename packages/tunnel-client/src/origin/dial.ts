import type { Socket } from 'node:net'
import { TunnelError } from 'tunnel-protocol'
import { type DialFailure, describeFailure } from './dial-failure.js'
import { openSocket, type Way } from './socket.js'
import { type OriginTarget, targetName } from './target.js'
import type { OriginTrust } from './trust.js'

const DIAL_DEADLINE_MS = 10_000
/** How soon a Unix socket whose queue is full is tried again. Over TCP the system does that by itself. */
const FULL_QUEUE_RETRY_MS = 20

/** Told when the origin stops or starts taking connections; not for every connection. */
export interface ReachabilityObserver {
  onUnreachable(failure: DialFailure): void
  onReachable(): void
}

/**
 * Opens connections to one origin. `localhost` is both 127.0.0.1 and ::1, and an app may listen on either:
 * the one that answered is tried first from then on.
 */
export class Dialer {
  readonly #target: OriginTarget
  readonly #trust: OriginTrust | undefined
  readonly #observer: ReachabilityObserver
  #ways: Way[]
  #reachable = true
  #dials = 0
  /** The last dial that said something of the origin's state. */
  #lastTold = 0

  constructor(target: OriginTarget, trust: OriginTrust | undefined, observer: ReachabilityObserver) {
    this.#target = target
    this.#trust = trust
    this.#observer = observer
    this.#ways = waysTo(target)
  }

  /** Calls exactly one of the two. Returns a function that gives up; then neither is called. */
  dial(onConnected: (socket: Socket) => void, onFailure: (failure: DialFailure) => void): () => void {
    const ways = this.#ways // another dial may change the order meanwhile
    let current: Socket | undefined
    let retry: NodeJS.Timeout | undefined
    let refused: NodeJS.ErrnoException | undefined
    let over = false
    const settle = () => {
      over = true
      clearTimeout(timer)
      clearTimeout(retry)
    }
    const number = ++this.#dials
    const fail = (failure: DialFailure) => {
      settle()
      this.#learn(number, failure)
      onFailure(failure)
    }
    const timer = setTimeout(() => {
      current?.destroy()
      const name = targetName(this.#target)
      const error = new TunnelError('TUN_ERR_ORIGIN_TIMEOUT', `${name} did not accept a connection in time`)
      fail({ error, kind: 'lasting' })
    }, DIAL_DEADLINE_MS)

    const attempt = (index: number) => {
      const way = ways[index]!
      const { socket, transport } = openSocket(way, this.#trust)
      current = socket
      let reached = false
      const onError = (error: NodeJS.ErrnoException) => {
        socket.destroy()
        if (over) return
        // It says more than that the other way does not exist here, as where there is no IPv6.
        if (error.code === 'ECONNREFUSED') refused = error
        if (error.code === 'EAGAIN') retry = setTimeout(attempt, FULL_QUEUE_RETRY_MS, index)
        else if (!reached && index + 1 < ways.length) attempt(index + 1)
        else if (reached) fail(describeFailure(error, this.#target, this.#trust))
        else fail(describeFailure(refused ?? error, this.#target, undefined))
      }
      socket.once('error', onError)
      transport.once('connect', () => {
        reached = true
      })
      socket.once(this.#trust === undefined ? 'connect' : 'secureConnect', () => {
        settle()
        socket.removeListener('error', onError)
        if (index > 0) this.#ways = [way, ...ways.filter((other) => other !== way)]
        this.#learn(number, undefined)
        onConnected(socket)
      })
    }
    attempt(0)
    return () => {
      settle()
      current?.destroy()
    }
  }

  /** Take what a dial has come to for the state of the origin, unless one that began later has told already. */
  #learn(number: number, failure: DialFailure | undefined): void {
    if (number < this.#lastTold) return
    this.#lastTold = number
    const wasReachable = this.#reachable
    this.#reachable = failure === undefined
    if (failure === undefined) {
      if (!wasReachable) this.#observer.onReachable()
    } else if (wasReachable) this.#observer.onUnreachable(failure)
  }
}

function waysTo(target: OriginTarget): Way[] {
  if (target.kind === 'unix') return [{ path: target.path }]
  const { host, port } = target
  return host === 'localhost'
    ? [
        { host: '127.0.0.1', port },
        { host: '::1', port },
      ]
    : [{ host, port }]
}
