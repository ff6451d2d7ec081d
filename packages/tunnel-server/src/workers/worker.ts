import type { Socket } from 'node:net'
import { setDefaultHighWaterMark } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { type CommandLogger, collectYoungGeneration, createLogger } from 'tunnel-command'
import { type Link, stopReading, useReadBuffers } from 'tunnel-protocol'
import type { LinkRequest } from '../control/endpoint.js'
import { SOCKET_OPTIONS } from '../edge/ports.js'
import { Directory } from '../registry/directory.js'
import { Settings } from '../settings.js'
import { createTraffic, type Traffic } from '../traffic.js'
import { SOFTWARE } from '../version.js'
import { type FromWorker, failureOf, type NameState, type Start, type ToWorker } from './messages.js'
import { Peer, type PeerContext, servePeer } from './peer.js'
import { RemoteAuthority } from './remote-authority.js'
import { sessionPrefix, workerOfLink, workerOfSession } from './steering.js'
import { passLinkOn } from './stream-link.js'

/** Carry the traffic that the main process gives us, until it says otherwise or is gone. */
export function runWorker(): void {
  useReadBuffers(collectYoungGeneration)
  // These are meant for the main process, which tells us; a terminal and systemd send them to everyone.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit(1))
  // What Ports gives sockets that this process accepts. There is no other way to give it to those that it is sent.
  setDefaultHighWaterMark(false, SOCKET_OPTIONS.highWaterMark)
  let worker: Worker | undefined
  process.on('message', (message: ToWorker, socket?: Socket) => {
    if (message.type === 'start') worker = new Worker(message)
    else if (message.type === 'ping') send({ type: 'pong' })
    else worker?.take(message, socket)
  })
  send({ type: 'up' })
}

class Worker {
  readonly #index: number
  readonly #settings: Settings
  readonly #directory = new Directory()
  readonly #authority = new RemoteAuthority(send)
  /** The other workers, as far as there has been word of them. */
  readonly #peers = new Map<number, Peer>()
  #url: string
  readonly #passKey: Buffer
  #logger: CommandLogger | undefined
  #traffic: Traffic | undefined

  constructor(start: Start) {
    this.#index = start.worker
    this.#settings = new Settings(start.options)
    for (const state of start.names) this.#onName(state)
    this.#url = start.url
    this.#passKey = Buffer.from(start.passKey, 'base64')
    this.#begin().then(
      () => send({ type: 'ready' }),
      (error: unknown) => send({ type: 'failed', error: failureOf(error) }),
    )
  }

  async #begin(): Promise<void> {
    const { options, readings } = this.#settings
    const fields = { worker: this.#index }
    this.#logger = await createLogger(options.logLevel, options.logFormat, process.stdout, fields)
    this.#traffic = await createTraffic(options, readings, {
      authority: this.#authority,
      accounts: this.#authority,
      directory: this.#directory,
      passKey: this.#passKey,
      logger: this.#logger,
      software: SOFTWARE,
      publicUrl: () => this.#url,
      totals: () => this.#authority.totals(),
      processes: options.workers,
      elsewhere: {
        prefix: sessionPrefix(this.#index),
        passOn: (session, link, bytes) => this.#passOn(session, link, bytes),
        handOn: (request, socket) => this.#handOn(request, socket),
      },
    })
  }

  /** Traffic, and what ends it, comes once we are ready. */
  take(message: ToWorker, socket: Socket | undefined): void {
    if (this.#authority.take(message)) return
    switch (message.type) {
      case 'url':
        this.#url = message.url
        return
      case 'name':
        this.#onName(message)
        return
      case 'free':
        this.#directory.remove(message.name)
        return
      case 'visitor':
        if (socket !== undefined) this.#onVisitor(socket) // else it is gone already
        return
      case 'link':
        if (socket !== undefined) this.#traffic!.takeLink(message.request, socket)
        return
      case 'peer':
        if (socket !== undefined) this.#onPeer(socket, message.worker, message.opens)
        return
      case 'reload':
        this.#reload(message.options)
        return
      case 'drain':
        void this.#traffic!.drain(message.ms).then(() => send({ type: 'drained' }))
        return
      case 'close':
        void this.#traffic!.close().then(() => process.exit(0))
    }
  }

  #onVisitor(socket: Socket): void {
    socket.allowHalfOpen = true // as for those that Ports accepts
    this.#traffic!.take(socket)
  }

  #onName({ name, number, rules, at }: NameState): void {
    const elsewhere = at.filter(({ worker }) => worker !== this.#index)
    this.#directory.add(name, number, rules)
    if (this.#directory.find(name)!.number !== number) this.#directory.setRules(name, rules, number)
    this.#directory.setRemote(name, new Map(elsewhere.map(({ worker, agents }) => [this.#peer(worker), agents])))
  }

  #onPeer(socket: Socket, worker: number, opens: boolean): void {
    if (opens) {
      const peer = this.#peer(worker)
      peer.connect(socket)
      this.#directory.reachable(peer)
    } else {
      servePeer(socket, worker, this.#index, this.#peerContext)
    }
  }

  get #peerContext(): PeerContext {
    const traffic = this.#traffic!
    return {
      directory: this.#directory,
      takeLink: (link) => traffic.takeBack(link),
      get accessLog() {
        return traffic.accessLog
      },
    }
  }

  #peer(worker: number): Peer {
    let peer = this.#peers.get(worker)
    if (peer === undefined) {
      peer = new Peer(worker, () => send({ type: 'wayLost', worker }))
      this.#peers.set(worker, peer)
    }
    return peer
  }

  /** A socket can be given away; what TLS knows of it can not. */
  #handOn(request: LinkRequest, socket: Socket): boolean {
    const worker = workerOfLink(request.url, this.#settings.options.workers)
    if (worker === undefined || worker === this.#index || socket instanceof TLSSocket) return false
    if (this.#peers.get(worker)?.attached !== true) return false
    stopReading(socket)
    process.send?.({ type: 'handOn', worker, request } satisfies FromWorker, socket, {}, () => socket.destroy())
    return true
  }

  #passOn(session: string, link: Link, bytes: Buffer): boolean {
    const peer = this.#peers.get(workerOfSession(session) ?? 0)
    if (peer?.attached !== true) return false
    passLinkOn(link, bytes, peer.session)
    return true
  }

  #reload(options: Start['options']): void {
    try {
      this.#settings.renew(options)
    } catch (error) {
      // The main process has just been able to. Its files may have changed again.
      this.#logger!.error({ reason: failureOf(error).detail }, 'this worker stays with the settings it had')
      return
    }
    this.#logger!.level = this.#settings.options.logLevel
    this.#traffic!.apply(this.#settings.options, this.#settings.readings)
  }
}

function send(message: FromWorker): void {
  process.send?.(message, undefined, undefined, () => {}) // a main process that is gone ends us, see above
}
