import http, { type IncomingMessage } from 'node:http'
import net, { type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { addressOf, connectTo, TunnelError } from 'tunnel-protocol'
import { connectFailure, isNoHttp } from './failure.js'
import type { HttpProxy } from './proxy.js'

/** Shorter than any deadline around it, so that it is the proxy that gets the blame. */
const PROXY_DEADLINE_MS = 10_000

/**
 * Have the proxy open a connection to where `url` leads; without TLS of ours. Calls exactly one of the two, with TUN_ERR_PROXY where the proxy says no, and
 * TUN_ERR_CONNECT where it can't be reached or can't reach the server. Returns a function that gives up; then neither is called.
 */
export function connectThrough(
  proxy: HttpProxy,
  url: URL,
  secureContext: SecureContext | undefined,
  onSocket: (socket: Socket) => void,
  onError: (error: TunnelError) => void,
): () => void {
  const { port } = addressOf(url)
  const target = `${url.hostname}:${port}`
  const transport = openTransport(proxy, url, secureContext)
  let over = false
  const settle = (report: () => void) => {
    if (over) return
    over = true
    clearTimeout(timer)
    report()
  }
  const fail = (error: TunnelError) => {
    settle(() => onError(error))
    transport.destroy()
  }
  const timer = setTimeout(() => {
    fail(new TunnelError('TUN_ERR_CONNECT', `the proxy at ${proxy.name} did not answer in time`))
  }, PROXY_DEADLINE_MS)

  const request = http.request({
    createConnection: () => transport,
    method: 'CONNECT',
    path: target,
    headers: {
      Host: target,
      Connection: 'keep-alive',
      ...(proxy.authorization === undefined ? {} : { 'Proxy-Authorization': proxy.authorization }),
    },
  })
  request.on('error', (error) => {
    fail(isNoHttp(error) ? noProxy(proxy) : connectFailure(`the proxy at ${proxy.name}`, error))
  })
  // Node takes any answer to CONNECT for a switch.
  request.on('connect', (response, socket, head) => {
    const status = response.statusCode ?? 0
    if (status < 200 || status > 299) fail(refusal(proxy, target, response))
    // Servers wait for us to speak.
    else if (head.length > 0) fail(noProxy(proxy))
    else if (over) transport.destroy()
    else {
      socket.on('error', () => {}) // whoever gets it has listeners of its own, mostly on the TLS above it
      settle(() => onSocket(socket as Socket))
    }
  })
  request.end()
  return () => {
    over = true
    clearTimeout(timer)
    transport.destroy()
  }
}

/** TLS reads by itself: buffers of ours would be in its way. */
function openTransport(proxy: HttpProxy, url: URL, secureContext: SecureContext | undefined): Socket {
  const isPlain = proxy.url.protocol === 'http:'
  const transport =
    isPlain && url.protocol === 'https:' ? net.connect(addressOf(proxy.url)) : connectTo(proxy.url, { secureContext })
  transport.setNoDelay(true)
  return transport
}

function noProxy({ name }: HttpProxy): TunnelError {
  return new TunnelError('TUN_ERR_PROXY', `what answers at ${name} is not a proxy`)
}

function refusal(proxy: HttpProxy, target: string, { statusCode: status = 0, headers }: IncomingMessage): TunnelError {
  const who = `the proxy at ${proxy.name}`
  if (status === 407) {
    const takesBasic = /\bbasic\b/i.test(String(headers['proxy-authenticate'] ?? ''))
    const detail = !takesBasic
      ? `${who} wants to know who you are in a way that is not supported (407): it has to take Basic credentials`
      : proxy.authorization === undefined
        ? `${who} wants credentials (407): put them in its URL, http://user:password@…`
        : `${who} does not accept the user and password in its URL (407)`
    return new TunnelError('TUN_ERR_PROXY', detail)
  }
  if (status >= 500 || status === 429) {
    return new TunnelError('TUN_ERR_CONNECT', `${who} cannot reach ${target} (${status})`)
  }
  return new TunnelError('TUN_ERR_PROXY', `${who} does not let us through to ${target} (${status})`)
}
