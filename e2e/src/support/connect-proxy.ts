import http from 'node:http'
import https from 'node:https'
import net, { type Socket } from 'node:net'
import type { World } from './world.js'

export interface ConnectProxySettings {
  /** `user:password` that it wants. */
  credentials?: string
  /** Certificate and key: it is reached over TLS. */
  tls?: https.ServerOptions
  /** What it does in place of connecting. */
  instead?: (socket: Socket) => void
}

/** A proxy for CONNECT. Whatever host it is asked for, it connects to this machine: names need no DNS. */
export class ConnectProxy {
  url = ''
  /** What it was asked for, as `host:port`. */
  readonly targets: string[] = []
  /** Connections that it has opened and that are open. */
  readonly open = new Set<Socket>()

  static async start(world: World, settings: ConnectProxySettings = {}): Promise<ConnectProxy> {
    const proxy = new ConnectProxy()
    const server = settings.tls === undefined ? http.createServer() : https.createServer(settings.tls)
    server.on('connect', (request, socket: Socket) => {
      socket.on('error', () => {})
      proxy.targets.push(request.url!)
      const { credentials } = settings
      const given = request.headers['proxy-authorization']
      if (credentials !== undefined && given !== `Basic ${btoa(credentials)}`) {
        socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="e2e"\r\n\r\n')
      } else if (settings.instead === undefined) proxy.#connect(request.url!, socket)
      else settings.instead(socket)
    })
    const port = await world.listen(server)
    proxy.url = `${settings.tls === undefined ? 'http' : 'https'}://localhost:${port}`
    return proxy
  }

  /** With credentials in its URL. */
  urlFor(credentials: string): string {
    return this.url.replace('://', `://${credentials}@`)
  }

  #connect(target: string, socket: Socket): void {
    const upstream = net.connect(Number(/:(\d+)$/.exec(target)![1]), '127.0.0.1')
    this.open.add(upstream)
    upstream.on('close', () => {
      this.open.delete(upstream)
      socket.destroy()
    })
    socket.on('close', () => upstream.destroy())
    upstream.on('error', () => socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n'))
    upstream.once('connect', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
  }
}
