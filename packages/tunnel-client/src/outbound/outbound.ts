import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { type Connect, connectTo, TunnelError } from 'tunnel-protocol'
import { contextWith, readCertificates } from '../tls/certificates.js'
import { connectThrough } from './connect-through.js'
import { type HttpProxy, proxyFor } from './proxy.js'

export interface OutboundOptions {
  /** URL of a proxy, or `none`. Default: what the environment says. */
  proxy?: string | undefined
  /** Path of a PEM file, or the PEM itself, with certificates that are trusted in addition to Node's. */
  ca?: string | undefined
}

/** How connections to a server leave this machine: through which proxy, and whose certificates are trusted. */
export class Outbound {
  readonly #proxy: string | undefined
  readonly #secureContext: SecureContext | undefined

  /** Throws TUN_ERR_OPTION where an option, or a variable that counts for this server, can't be used. */
  constructor(serverUrl: string, options: OutboundOptions = {}) {
    this.#proxy = options.proxy
    this.#secureContext = options.ca === undefined ? undefined : contextWith(readCertificates('ca', options.ca))
    this.proxyFor(new URL(serverUrl))
  }

  /** The proxy on the way to `url`, where there is one. */
  proxyFor(url: URL): HttpProxy | undefined {
    return proxyFor(url, this.#proxy)
  }

  readonly connect: Connect = (url, onSocket, onError) => {
    const secureContext = this.#secureContext
    let proxy: HttpProxy | undefined
    try {
      proxy = this.proxyFor(url)
    } catch (error) {
      onError(TunnelError.from(error)) // a redirect can lead to where another variable counts
      return () => {}
    }
    let socket: Socket | undefined
    const begin = (through?: Socket) => {
      socket = connectTo(url, { through, secureContext })
      onSocket(socket)
    }
    let stop = () => {}
    if (proxy === undefined) begin()
    else stop = connectThrough(proxy, url, secureContext, begin, onError)
    return () => {
      // From the outside in. When what is below TLS goes first, TLS closes at once, in the middle of what node:http does with its end.
      if (socket === undefined) stop()
      else socket.destroy()
    }
  }
}
