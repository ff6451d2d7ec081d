import net from 'node:net'

/** What `net` makes sockets of, before they listen. */
interface Handle {
  readonly fd: number
  getsockname(into: { port?: number }): number
  close(): void
}

/**
 * A port that outlives the servers on it, as a systemd socket unit keeps one. Nobody here takes connections from it: what comes while no server
 * runs waits. It listens from the first server on.
 */
export class SocketUnit {
  readonly port: number
  readonly #handle: Handle

  constructor() {
    // What node:cluster uses to bind a port that its workers listen on. There is no other way to have a socket without taking connections.
    const { _createServerHandle } = net as unknown as {
      _createServerHandle(host: string, port: number, family: number): Handle | number
    }
    const handle = _createServerHandle('127.0.0.1', 0, 4)
    if (typeof handle === 'number') throw new Error(`no socket could be made (${handle})`)
    this.#handle = handle
    const name: { port?: number } = {}
    handle.getsockname(name)
    this.port = name.port ?? 0
  }

  /** For the stdio of a command. */
  get fd(): number {
    return this.#handle.fd
  }

  /** What a command is started with, to be told of the socket the way systemd does it. */
  get launcher(): string[] {
    return ['sh', '-c', 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', 'sh']
  }

  close(): void {
    this.#handle.close()
  }
}
