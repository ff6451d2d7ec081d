import type { Socket } from 'node:net'
import type { TunnelError } from 'tunnel-protocol'
import type { Dialer } from './dial.js'

/** How many may wait at once; one more hears at once what it would have waited to hear. */
const MAX_WAITING = 1_024
/** How often the app is looked for while somebody waits. */
const PROBE_MS = 50

/** Somebody who wants a connection. */
interface Caller {
  readonly onConnected: (socket: Socket) => void
  readonly onError: (error: TunnelError) => void
  /** How long it may wait, by performance.now(). */
  readonly ends: number
  /** Set while a dial of its own is under way. */
  stopDialing: (() => void) | undefined
}

interface Waiting {
  readonly caller: Caller
  /** What it hears when it has waited in vain. */
  error: TunnelError
  /** Nobody has seen yet that the app is away: it may be there, and then there is nothing to wait for. */
  doubtful: boolean
}

/**
 * Dials. While the app is away those who want a connection wait in line, and one dial at a time looks for it. When it is back all go on,
 * in the order in which they came.
 */
export class PatientDialer {
  readonly #dialer: Dialer
  readonly #waitMs: number
  /** By the time until which they may wait. */
  readonly #line: Waiting[] = []
  /** The app is away, and this is how it shows. Undefined when nobody waits. */
  #absence: TunnelError | undefined
  #ticks: NodeJS.Timeout | undefined
  #stopProbe: (() => void) | undefined

  /** `waitMs`: how long one dial() may take because the app is away; 0: nobody waits. */
  constructor(dialer: Dialer, waitMs: number) {
    this.#dialer = dialer
    this.#waitMs = waitMs
  }

  /**
   * Calls exactly one of the two, perhaps before it returns. Returns a function that gives up; then neither is called.
   * `broken`: how the connection before this one broke, without an answer. Then a new one comes only where the app has been away since;
   * with an app that is there, this is the error.
   */
  dial(onConnected: Caller['onConnected'], onError: Caller['onError'], broken?: TunnelError): () => void {
    const caller: Caller = { onConnected, onError, ends: performance.now() + this.#waitMs, stopDialing: undefined }
    if (this.#absence !== undefined) this.#wait({ caller, error: this.#absence, doubtful: false })
    else if (broken !== undefined) this.#wait({ caller, error: broken, doubtful: true })
    else this.#dial(caller)
    return () => this.#leave(caller)
  }

  /** Those who wait are forgotten. */
  close(): void {
    this.#line.length = 0
    this.#rest()
  }

  #dial(caller: Caller): void {
    caller.stopDialing = this.#dialer.dial(
      (socket) => {
        caller.stopDialing = undefined
        caller.onConnected(socket)
      },
      ({ error, kind }) => {
        caller.stopDialing = undefined
        if (kind === 'lasting') caller.onError(error)
        else this.#wait({ caller, error, doubtful: kind === 'cut' })
      },
    )
  }

  #wait(waiting: Waiting): void {
    const { caller, error, doubtful } = waiting
    const mayWait = caller.ends > performance.now() && this.#line.length < MAX_WAITING
    if (!mayWait) {
      caller.onError(error)
      return
    }
    if (!doubtful) this.#absence = error
    let place = this.#line.length
    // Who comes back into the line has its old place.
    while (place > 0 && this.#line[place - 1]!.caller.ends > caller.ends) place--
    this.#line.splice(place, 0, waiting)
    this.#ticks ??= setInterval(() => this.#tick(), PROBE_MS)
  }

  #leave(caller: Caller): void {
    caller.stopDialing?.()
    caller.stopDialing = undefined
    const place = this.#line.findIndex((waiting) => waiting.caller === caller)
    if (place < 0) return
    this.#line.splice(place, 1)
    if (this.#line.length === 0) this.#rest()
  }

  #tick(): void {
    const now = performance.now()
    for (let first = this.#line[0]; first !== undefined && first.caller.ends <= now; first = this.#line[0]) {
      this.#line.shift()
      first.caller.onError(first.error)
    }
    if (this.#line.length === 0) this.#rest()
    else if (this.#stopProbe === undefined) this.#probe()
  }

  #probe(): void {
    this.#stopProbe = this.#dialer.dial(
      (socket) => this.#goOn(socket),
      ({ error, kind }) => {
        this.#stopProbe = undefined
        if (kind === 'absent') this.#waitOn(error)
        else this.#giveUp(error)
      },
    )
  }

  #waitOn(error: TunnelError): void {
    this.#absence = error
    for (const waiting of this.#line) {
      waiting.error = error
      waiting.doubtful = false
    }
  }

  /** The app is there: the first one has its connection, the others dial. */
  #goOn(socket: Socket): void {
    this.#stopProbe = undefined
    this.#absence = undefined
    let spare: Socket | undefined = socket
    for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
      const { caller, error, doubtful } = next
      if (doubtful) caller.onError(error)
      else if (spare === undefined) this.#dial(caller)
      else {
        spare = undefined
        caller.onConnected(socket)
      }
    }
    spare?.destroy()
    this.#rest()
  }

  /** Waiting would not help any more. */
  #giveUp(error: TunnelError): void {
    this.#absence = undefined
    for (let next = this.#line.shift(); next !== undefined; next = this.#line.shift()) {
      next.caller.onError(next.doubtful ? next.error : error)
    }
    this.#rest()
  }

  /** Nobody waits. */
  #rest(): void {
    clearInterval(this.#ticks)
    this.#ticks = undefined
    this.#stopProbe?.()
    this.#stopProbe = undefined
    this.#absence = undefined
  }
}
