import type { Socket } from 'node:net'
import { type Logger, stopReading, TunnelError } from 'tunnel-protocol'
import type { LinkRequest } from '../control/endpoint.js'
import { createDecisions, type Decisions } from '../decisions.js'
import { Ports } from '../edge/ports.js'
import type { ServerOptions } from '../options.js'
import type { Settings } from '../settings.js'
import { type Access, publicUrlOf, type TunnelServer } from '../tunnel-server.js'
import { Child } from './child.js'
import { errorOf, type FromWorker, failureOf } from './messages.js'
import { Names } from './names.js'
import { Pairs } from './pair.js'
import { RemoteHolder } from './remote-holder.js'
import { nextFailures, restartDelayMs } from './restarts.js'

/** Visitors that may wait for a worker while none is ready. */
const MAX_WAITING = 1_024
/** Time until a way that was lost between two workers that go on is made anew, in milliseconds. */
const RECONNECT_MS = 250
/** Time for a worker to do what a shutdown asks of it, beyond the time for what is open. */
const LAST_WORDS_MS = 10_000

/** A server whose traffic is carried by several processes; this one accepts, decides, and keeps them running. Throws TUN_ERR_OPTION, TUN_ERR_DATA. */
export async function startWorkers(settings: Settings, logger: Logger, inherited: number[]): Promise<TunnelServer> {
  const main = new Main(settings, logger)
  const ports = new Ports({ ...settings.options, inherited }, (socket) => main.onVisitor(socket), true)
  let port: number
  try {
    await main.start()
    port = await ports.listen() // not before: until somebody is ready, visitors wait better in the kernel
  } catch (error) {
    main.kill()
    throw error
  }
  const url = publicUrlOf(settings.options, port)
  main.setUrl(url)
  let closing: Promise<void> | undefined
  return {
    port,
    url,
    get access() {
      return main.access
    },
    connectionCount: undefined,
    close(drainMs = settings.options.drainMs) {
      ports.close()
      closing ??= main.close(drainMs)
      return closing
    },
    reload(given) {
      const later = settings.renew(given)
      main.apply()
      return later
    },
  }
}

/** One of the places that workers have; who works there may end, and is followed by another one. */
interface Place {
  readonly worker: number
  child: Child | undefined
  /** Sessions of the child. */
  readonly holders: Map<string, RemoteHolder>
  /** The last way to each other place, and between whom it is. */
  readonly ways: Map<Place, { opens: Child; serves: Child }>
  /** How many in a row have ended early. */
  failures: number
  restart: NodeJS.Timeout | undefined
}

class Main {
  readonly #settings: Settings
  readonly #logger: Logger
  readonly #places: Place[]
  readonly #names = new Names((message) => {
    for (const { child } of this.#places) child?.send(message)
  })
  readonly #decisions: Decisions
  readonly #pairs = new Pairs()
  #url = ''
  /** Visitors for whom no worker was ready. */
  #waiting: Socket[] = []
  /** Who gets the next visitor. */
  #turn = 0
  #closing = false
  /** Called when a worker is ready, is drained or has ended. */
  readonly #watchers = new Set<() => void>()
  /** Why a worker could not begin. */
  #failure: TunnelError | undefined
  readonly #drained = new Set<Child>()

  constructor(settings: Settings, logger: Logger) {
    const { options } = settings
    this.#settings = settings
    this.#logger = logger
    this.#places = Array.from({ length: options.workers }, (_, i) => {
      return { worker: i + 1, child: undefined, holders: new Map(), ways: new Map(), failures: 0, restart: undefined }
    })
    this.#decisions = createDecisions(settings, logger, {
      onGiven: (name) => this.#names.onGiven(name),
      onFree: (name) => this.#names.onFree(name),
      onRules: (name, rules) => this.#names.onRules(name, rules),
      onSeats: (holding) => this.#names.onSeats(holding),
    })
  }

  get access(): Access {
    return this.#decisions.access
  }

  /** Resolves when all workers are ready. Throws what the first one that is not has failed with. */
  async start(): Promise<void> {
    await this.#pairs.listen()
    for (const place of this.#places) this.#begin(place)
    await this.#until(() => this.#failure !== undefined || this.#places.every(({ child }) => child?.ready))
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Where the server is reached from now on. */
  setUrl(url: string): void {
    this.#url = url
    for (const { child } of this.#places) child?.send({ type: 'url', url })
  }

  /** The settings have changed. */
  apply(): void {
    this.#decisions.apply()
    for (const { child } of this.#places) {
      if (child?.ready) child.send({ type: 'reload', options: this.#optionsOfWorkers })
      else child?.kill() // it has begun with what was before
    }
  }

  /** A visitor has connected, and is given to the next worker. */
  onVisitor(socket: Socket): void {
    let isReady = false
    for (let i = 0; i < this.#places.length; i++) {
      const { child } = this.#places[this.#turn++ % this.#places.length]!
      if (child?.ready !== true) continue
      isReady = true
      if (child.busy) continue
      child.giveVisitor(socket)
      return
    }
    socket.on('error', () => {})
    if (isReady || this.#waiting.length >= MAX_WAITING) socket.destroy()
    else this.#waiting.push(socket)
  }

  async close(drainMs: number): Promise<void> {
    this.#closing = true
    await this.#decisions.close()
    for (const socket of this.#waiting.splice(0)) socket.destroy()
    for (const { child, restart } of this.#places) {
      clearTimeout(restart)
      if (child?.ready) child.send({ type: 'drain', ms: drainMs })
      else child?.kill()
    }
    const children = () => this.#places.flatMap(({ child }) => child ?? [])
    // Nobody goes before all are done: the visitors of one may be served by the agents of another.
    await this.#until(() => children().every((child) => this.#drained.has(child)), drainMs + LAST_WORDS_MS)
    for (const child of children()) child.send({ type: 'close' })
    await this.#until(() => children().length === 0, LAST_WORDS_MS)
    this.kill()
  }

  kill(): void {
    this.#closing = true
    this.#pairs.close()
    for (const { child } of this.#places) child?.kill()
    this.#decisions.release()
  }

  /** Who may come in is decided here. */
  get #optionsOfWorkers(): ServerOptions {
    return { ...this.#settings.options, tokens: [], tokenFile: undefined }
  }

  // Workers

  #begin(place: Place): void {
    const child: Child = new Child({
      onMessage: (message, socket) => {
        if (message.type === 'handOn') this.#handOn(message.worker, message.request, socket)
        else if (place.child === child) this.#onMessage(place, child, message)
      },
      onEnd: (how, untaken) => {
        this.#onEnd(place, child, how)
        for (const socket of untaken) this.onVisitor(socket)
      },
    })
    place.child = child
  }

  #onReady(place: Place, child: Child): void {
    child.ready = true
    this.#logger.info({ worker: place.worker, pid: child.pid }, 'worker is ready')
    for (const other of this.#places) {
      if (other === place || other.child?.ready !== true) continue
      this.#connect(place, other)
      this.#connect(other, place)
    }
    for (const socket of this.#waiting.splice(0)) this.onVisitor(socket)
    this.#changed()
  }

  /** Give both a way on which `from` opens streams, to the agents that `to` has. */
  #connect(from: Place, to: Place): void {
    const [opens, serves] = [from.child!, to.child!]
    from.ways.set(to, { opens, serves })
    this.#pairs.make((near, far) => {
      // The one that serves says nothing before it is asked: nothing of either end can have been lost on the way.
      serves.give({ type: 'peer', worker: from.worker, opens: false }, far)
      opens.give({ type: 'peer', worker: to.worker, opens: true }, near)
    })
  }

  /** Where the other one has ended, its successor gets a way as it begins. */
  #onWayLost(from: Place, to: Place): void {
    const way = from.ways.get(to)
    setTimeout(() => {
      const isSame = from.ways.get(to) === way && way?.opens === from.child && way?.serves === to.child
      if (isSame && way?.opens.ready && way.serves.ready) this.#connect(from, to)
    }, RECONNECT_MS)
  }

  /** An agent whose link nobody takes dials again. */
  #handOn(worker: number, request: LinkRequest, socket: Socket | undefined): void {
    const child = this.#places[worker - 1]?.child
    if (socket === undefined) return
    if (child?.ready !== true) {
      socket.destroy()
      return
    }
    stopReading(socket)
    child.give({ type: 'link', request }, socket)
  }

  #onEnd(place: Place, child: Child, how: string): void {
    place.child = undefined
    const ranMs = performance.now() - child.startedAt
    for (const holder of place.holders.values()) {
      holder.attached = false
      this.#decisions.authority.over(holder)
    }
    place.holders.clear()
    if (!this.#closing) {
      place.failures = nextFailures(place.failures, ranMs)
      const delayMs = restartDelayMs(place.failures)
      this.#logger.error(
        { worker: place.worker, how, restartInMs: delayMs },
        'a worker has ended, another one is started',
      )
      place.restart = setTimeout(() => this.#begin(place), delayMs)
    }
    this.#failure ??= new TunnelError('TUN_ERR_INTERNAL', `a worker ended before it was ready (${how})`)
    this.#changed()
  }

  #onMessage(place: Place, child: Child, message: Exclude<FromWorker, { type: 'handOn' }>): void {
    const { authority, accounts } = this.#decisions
    switch (message.type) {
      case 'up':
        child.send({
          type: 'start',
          worker: place.worker,
          options: this.#optionsOfWorkers,
          url: this.#url,
          passKey: this.#decisions.passKey.toString('base64'),
          names: this.#names.states,
        })
        return
      case 'pong':
        return
      case 'wayLost':
        this.#onWayLost(place, this.#places[message.worker - 1]!)
        return
      case 'ready':
        this.#onReady(place, child)
        return
      case 'failed':
        this.#failure ??= errorOf(message.error)
        this.#logger.error({ worker: place.worker, reason: message.error.detail }, 'a worker can not begin')
        child.kill()
        return
      case 'drained':
        this.#drained.add(child)
        this.#changed()
        return
      case 'totals': {
        const totals = {
          tunnels: this.#names.online,
          sessions: authority.sessionCount,
          uptimeSeconds: Math.floor(process.uptime()),
        }
        child.send({ type: 'answer', question: message.question, totals })
        return
      }
      case 'identify':
        this.#answer(child, message.question, accounts.identify(message.credentials))
        return
      case 'perform':
        this.#answer(child, message.question, accounts.perform(message.credentials, message.call))
        return
      case 'enter': {
        const { question, session, credentials } = message
        const holder = new RemoteHolder(place.worker, message, (answer) => child.send(answer))
        place.holders.set(session, holder)
        authority.enter(holder, credentials, (error) =>
          child.send({ type: 'answer', question, ...(error === undefined ? {} : { error: failureOf(error) }) }),
        )
        return
      }
    }
    const holder = place.holders.get(message.session)
    if (holder === undefined) return
    switch (message.type) {
      case 'bind': {
        const { question } = message
        authority.bind(message.request, holder, (grant) => {
          if (grant instanceof TunnelError) child.send({ type: 'answer', question, error: failureOf(grant) })
          else child.send({ type: 'answer', question, ...(grant === undefined ? {} : { grant }) })
        })
        return
      }
      case 'told':
        authority.told(message.name, holder)
        return
      case 'moved':
        holder.attached = message.attached
        authority.moved(holder)
        return
      case 'leave':
        authority.leave(holder)
        return
      case 'over':
        holder.attached = false
        place.holders.delete(message.session)
        authority.over(holder)
    }
  }

  #answer(child: Child, question: number, promise: Promise<unknown>): void {
    promise.then(
      (value) => child.send({ type: 'answer', question, value }),
      (error: unknown) => {
        if (!(error instanceof TunnelError)) this.#logger.error({ err: error }, 'a question of a worker failed')
        child.send({ type: 'answer', question, error: failureOf(error) })
      },
    )
  }

  // Waiting

  #changed(): void {
    for (const look of [...this.#watchers]) look()
  }

  /** Resolves when `check` holds, which is looked at whenever something has changed with the workers; or after `ms`. */
  #until(check: () => boolean, ms?: number): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!check()) return
        done()
      }
      const done = () => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        resolve()
      }
      const timer = ms === undefined ? undefined : setTimeout(done, ms)
      this.#watchers.add(look)
      look()
    })
  }
}
