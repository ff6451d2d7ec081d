import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Lane, type Pace } from './lane.js'

export type Side = 'agent' | 'server'

/** What an agent dials instead of the server: passes bytes on, and breaks in every way in which a line can break. */
export class Line {
  /** Connections so far. */
  count = 0
  /** Bytes that the server has sent. */
  fromServer = 0
  /** On loopback: where connections to come lead. */
  serverPort: number
  /** While true, nothing gets through to the server. */
  closed = false
  /** How bytes travel, on the connections there are and on those to come. */
  pace: Pace | undefined
  readonly #connections = new Set<Connection>()
  readonly #server = createServer((agent) => this.#join(agent))
  readonly #cutsToCome: number[] = []
  #stalled = false

  constructor(serverPort: number) {
    this.serverPort = serverPort
  }

  /** Resolves to the port on loopback that agents dial. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.closed = true
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Both ends learn of it: their connections are reset. */
  cut(): void {
    for (const connection of this.#connections) connection.reset()
  }

  /** The same for the connection that has been there longest. */
  cutOldest(): void {
    const [oldest] = this.#connections
    oldest?.reset()
  }

  /** Only this end learns of it: the other one talks on, to nobody. */
  cutOneSide(side: Side): void {
    for (const connection of this.#connections) connection.resetOneSide(side)
  }

  /** Neither end learns of it: from now on the connections there are carry nothing. */
  silence(): void {
    for (const connection of this.#connections) connection.lose()
  }

  /** Cut the connections there are once so many bytes more have passed, in both directions together. */
  cutAfter(bytes: number): void {
    for (const connection of this.#connections) connection.bytesLeft = bytes
  }

  /** The same for one connection to come; called several times, for several. */
  cutNextAfter(bytes: number): void {
    this.#cutsToCome.push(bytes)
  }

  /** While true, nothing passes and nobody learns of it; then everything goes on. */
  set stalled(stalled: boolean) {
    this.#stalled = stalled
    for (const connection of this.#connections) connection.stalled = stalled
  }

  /** Bytes on their way that `side` has sent, on all connections. */
  underWay(side: Side): number {
    let bytes = 0
    for (const connection of this.#connections) bytes += connection.underWay(side)
    return bytes
  }

  #join(agent: Socket): void {
    if (this.closed) {
      agent.resetAndDestroy()
      return
    }
    this.count++
    const server = connect({ port: this.serverPort, host: '127.0.0.1' })
    server.on('data', (bytes: Buffer) => {
      this.fromServer += bytes.length
    })
    const connection = new Connection(
      { agent, server },
      () => this.pace,
      () => this.#connections.delete(connection),
    )
    connection.bytesLeft = this.#cutsToCome.shift() ?? Number.POSITIVE_INFINITY
    connection.stalled = this.#stalled
    this.#connections.add(connection)
  }
}

class Connection {
  /** It is cut when so many bytes more have passed. */
  bytesLeft = Number.POSITIVE_INFINITY
  readonly #ends: Record<Side, Socket>
  readonly #lanes: Record<Side, Lane>

  constructor(ends: Record<Side, Socket>, pace: () => Pace | undefined, onOver: () => void) {
    const pass = (to: Socket, bytes: Buffer) => this.#pass(to, bytes)
    this.#ends = ends
    this.#lanes = {
      agent: new Lane(ends.agent, ends.server, pace, pass),
      server: new Lane(ends.server, ends.agent, pace, pass),
    }
    let open = 2
    for (const side of ['agent', 'server'] as const) {
      ends[side].setNoDelay(true)
      ends[side].on('error', () => {})
      ends[side].on('close', () => {
        this.#lanes[side].finish()
        if (--open === 0) onOver()
      })
    }
  }

  underWay(side: Side): number {
    return this.#lanes[side].heldBytes
  }

  set stalled(stalled: boolean) {
    for (const lane of Object.values(this.#lanes)) lane.stalled = stalled
  }

  reset(): void {
    for (const end of Object.values(this.#ends)) end.resetAndDestroy()
  }

  /** The other end stays open until it gives up itself. */
  resetOneSide(side: Side): void {
    this.lose()
    this.#ends[side].resetAndDestroy()
  }

  lose(): void {
    for (const lane of Object.values(this.#lanes)) lane.lose()
  }

  #pass(to: Socket, bytes: Buffer): void {
    if (this.bytesLeft > bytes.length) {
      this.bytesLeft -= bytes.length
      to.write(bytes)
      return
    }
    to.write(bytes.subarray(0, this.bytesLeft), () => this.reset())
    this.bytesLeft = 0
  }
}
