import { mkdtemp, rm } from 'node:fs/promises'
import http, { type IncomingMessage, type RequestListener, type Server } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Running, type RunOptions } from './process.js'
import type { SocketUnit } from './socket-unit.js'

export const root = resolve(fileURLToPath(new URL('../../../', import.meta.url)))
export const serverBin = join(root, 'packages/tunnel-server/bin/tunnel-server.js')
export const tunnelBin = join(root, 'packages/tunnel-client/bin/tunnel.js')

export interface ServerSettings {
  args?: string[]
  env?: Record<string, string>
  /** It inherits its socket from there, as from a socket unit of systemd. */
  socketUnit?: SocketUnit
}

export interface AgentSettings {
  args?: string[]
  env?: Record<string, string>
  /** Folder for claims; a new one for each agent unless given. */
  state?: string
  /** A command, with its arguments, that starts the agent in surroundings of its own. */
  launcher?: string[]
}

/** A running server, its agents and their apps, all on free ports; leaving the scope ends everything. */
export class World implements AsyncDisposable {
  server!: Running
  port = 0
  readonly #folder: string
  readonly #children: Running[] = []
  readonly #closers: Array<() => Promise<void>> = []
  #states = 0
  #settings: ServerSettings = {}

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Without a server yet. */
  static async create(): Promise<World> {
    return new World(await mkdtemp(join(tmpdir(), 'tunnel-e2e-')))
  }

  static async start(settings: ServerSettings = {}): Promise<World> {
    const world = await World.create()
    await world.startServer(0, settings)
    return world
  }

  /** Start the server, the first time on any free port; later on the one it had, with the settings it had. */
  async startServer(port = this.port, settings = this.#settings): Promise<void> {
    this.#settings = settings
    const { socketUnit: unit } = settings
    const args = ['--port', String(port), '--data-dir', this.dataDir, ...(settings.args ?? [])]
    this.server = this.run(serverBin, args, settings.env, unit?.launcher, { passedOn: unit?.fd })
    const [, ready] = await this.server.waitFor(/"port":(\d+),"domain".*ready on/)
    this.port = Number(ready)
  }

  /** What the server keeps on disk. */
  get dataDir(): string {
    return this.path('data')
  }

  get url(): string {
    return `http://localhost:${this.port}`
  }

  newState(): string {
    return join(this.#folder, `state-${this.#states++}`)
  }

  /** Start a command that ends with this world. */
  run(
    bin: string,
    args: string[],
    env: Record<string, string> = {},
    launcher: string[] = [],
    io: Pick<RunOptions, 'passedOn' | 'typed'> = {},
  ): Running {
    const [command = '', ...rest] = [...launcher, process.execPath, bin, ...args]
    const child = new Running(command, rest, {
      ...io,
      cwd: this.#folder,
      env: {
        XDG_STATE_HOME: this.newState(),
        XDG_CONFIG_HOME: this.path('config'),
        TUNNEL_SERVER: undefined,
        TUNNEL_TOKEN: undefined,
        ...env,
      },
    })
    this.#children.push(child)
    return child
  }

  /** Run `tunnel` with whatever arguments, against this world's server unless the arguments say otherwise. */
  tunnel(args: string[], settings: AgentSettings = {}): Running {
    const state = settings.state ?? this.newState()
    const env = { TUNNEL_SERVER: this.url, XDG_STATE_HOME: state, ...settings.env }
    return this.run(tunnelBin, args, env, settings.launcher)
  }

  /** Open a tunnel and wait until it is online. */
  async agent(name: string, port: number, settings: AgentSettings = {}): Promise<Running> {
    const agent = this.tunnel(['-p', String(port), '-s', name, ...(settings.args ?? [])], settings)
    await agent.waitFor(/^http\S+\n/, 'stdout')
    return agent
  }

  /** An app of this test's own. Returns its port. */
  async app(
    listener: RequestListener,
    onUpgrade?: (request: IncomingMessage, socket: Socket, head: Buffer) => void,
  ): Promise<number> {
    const server = http.createServer(listener)
    if (onUpgrade !== undefined)
      server.on('upgrade', (request, socket, head) => onUpgrade(request, socket as Socket, head))
    return this.listen(server)
  }

  /** An app that gets raw bytes. Returns its port. */
  rawApp(onConnection: (socket: Socket) => void): Promise<number> {
    return this.listen(net.createServer({ allowHalfOpen: true }, onConnection))
  }

  async listen(server: Server | net.Server, host = '127.0.0.1', port = 0): Promise<number> {
    await this.listenOn(server, { host, port })
    return (server.address() as AddressInfo).port
  }

  /** A path in the folder of this world, which is removed with it. */
  path(name: string): string {
    return join(this.#folder, name)
  }

  async listenOn(server: Server | net.Server, where: net.ListenOptions): Promise<void> {
    const sockets = new Set<Socket>()
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    })
    await new Promise<void>((listening, failed) => {
      server.once('error', failed)
      server.listen(where, listening)
    })
    this.#closers.push(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((closed) => server.close(() => closed()))
    })
  }

  onLeave(close: () => Promise<void>): void {
    this.#closers.push(close)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.reverse()) await close()
    for (const child of this.#children.reverse()) await child[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
