import { parseRequestHead } from 'tunnel-protocol'
import { SessionPair } from 'tunnel-protocol/testing'
import { Admission } from '../edge/admission.js'
import type { EdgeSettings } from '../edge/context.js'
import type { Door } from '../edge/gate/door.js'
import { Gates } from '../edge/gate/gates.js'
import type { EdgeLimits } from '../edge/limits.js'
import { type EdgeContext, VisitorConnection } from '../edge/visitor.js'
import { Directory } from '../registry/directory.js'
import type { Carrier } from '../registry/tunnel.js'
import { FakeSocket } from './fake-socket.js'

export const LIMITS: EdgeLimits = {
  headTimeoutMs: 30_000,
  keepAliveMs: 150_000,
  visitorTimeoutMs: 600_000,
  idleTimeoutMs: 0,
  parkMs: 10_000,
  maxParked: 1_024,
  maxParkedBytes: 32 * 1024 * 1024,
  maxHeaderBytes: 65_536,
  maxFields: 256,
  maxTargetBytes: 16_384,
  maxBodyBytes: 0,
  maxStreamsPerTunnel: 1_024,
  maxStreamsPerVisitor: 512,
}

/** Signs the passes of this world. */
export const PASS_KEY = Buffer.alloc(32, 1)

const HOLDER = { id: 's', instance: 'i', attached: true }

/** Visitors of one tunnel, `demo.example.com`, whose agent is the test itself, with a clock that stands still. */
export class VisitorWorld {
  readonly pair: SessionPair
  /** Sessions of further agents. */
  readonly others: SessionPair[] = []
  readonly directory = new Directory()
  /** The agent; while it is not `attached`, requests wait. */
  readonly holder: Carrier & { attached: boolean }
  readonly admission: Admission
  readonly context: EdgeContext
  readonly connections = new Set<VisitorConnection>()
  /** What the server's own pages were given; it is cut at once. */
  readonly handedOver: Array<{ bytes: string; door: Door | undefined }> = []
  /** Whether the name is kept for an agent that goes away. */
  readonly #keepsName: boolean
  now = 1_000_000
  draining = false

  constructor(limits: Partial<EdgeLimits> = {}, { resumable = false, keepsName = false } = {}) {
    this.pair = new SessionPair({ resumable })
    this.#keepsName = keepsName
    this.holder = { ...HOLDER, session: this.pair.server, hasEnded: () => this.pair.server.closed }
    const all = { ...LIMITS, ...limits }
    const world = this
    this.admission = new Admission(all)
    const settings: EdgeSettings = {
      domain: 'example.com',
      directory: this.directory,
      limits: all,
      passKey: PASS_KEY,
      interstitial: false,
      abuseContact: undefined,
      accessLog: undefined,
      handOver: (socket, bytes, door) => {
        this.handedOver.push({ bytes: bytes.toString('latin1'), door })
        socket.destroy()
      },
    }
    this.context = {
      settings,
      gates: new Gates(settings),
      admission: this.admission,
      get clock() {
        return world.now
      },
      get draining() {
        return world.draining
      },
      isTrusted: (address) => address.startsWith('10.'),
      closed: (connection) => void this.connections.delete(connection),
    }
    this.directory.add('demo')
    this.directory.enter('demo', this.holder, 7)
  }

  visitor(remoteAddress?: string): FakeSocket {
    const socket = new FakeSocket(remoteAddress)
    this.connections.add(new VisitorConnection(socket.socket, this.context))
    return socket
  }

  /** Let everything happen that can happen by itself. */
  async settle(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      for (const pair of [this.pair, ...this.others]) pair.pump()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Let `ms` pass, looking at the connections every second. */
  async pass(ms: number): Promise<void> {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += Math.min(1_000, end - this.now)
      for (const connection of this.connections) connection.check(this.now)
      await this.settle()
    }
  }

  /** The agent's session is over. */
  over(holder: Carrier): void {
    this.directory.dropAll(holder)
    if (!this.#keepsName && this.directory.find('demo')?.members.length === 0) this.directory.remove('demo')
  }

  /** The server shuts down. */
  drain(): void {
    this.draining = true
    for (const connection of this.connections) connection.drain()
  }

  /** The time for what was open is over. */
  async evict(): Promise<void> {
    for (const connection of this.connections) connection.evict()
    await this.settle()
  }

  /** What the app got: the request lines, in order. */
  get requests(): string[] {
    return this.pair.opened.map(({ open }) => {
      const { method, target } = parseRequestHead(open.head)
      return `${method} ${target}`
    })
  }

  /** The app answers the request with this index, 200 and `body`. */
  async answer(index: number, body: string | Buffer): Promise<void> {
    const { stream } = this.pair.opened[index]!
    stream.sendHead(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n`, body.length === 0)
    stream.write(Buffer.from(body))
    stream.end()
    await this.settle()
  }
}
