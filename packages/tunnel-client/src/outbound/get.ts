import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import https from 'node:https'
import type { Socket } from 'node:net'
import { TunnelError } from 'tunnel-protocol'
import { serverFailure } from './failure.js'
import type { Outbound } from './outbound.js'

const DEADLINE_MS = 20_000
const MAX_BODY_BYTES = 256 * 1024

export interface Answer {
  /** Its body has been read. */
  response: IncomingMessage
  body: string
}

/**
 * One GET, which follows no redirects: what `headers` hold is for this origin. Rejects with TUN_ERR_CONNECT or TUN_ERR_PROXY where no answer comes, and with
 * TUN_ERR_NOT_A_SERVER for one that is no HTTP, or is too long to be read.
 */
export function get(url: URL, headers: OutgoingHttpHeaders, outbound: Outbound): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let request: http.ClientRequest | undefined
    let stopConnecting = () => {}
    const settle = (report: () => void) => {
      clearTimeout(timer)
      report()
      stopConnecting()
      request?.destroy()
    }
    const fail = (error: Error) => settle(() => reject(serverFailure(url.origin, error)))
    const timer = setTimeout(() => {
      fail(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }))
    }, DEADLINE_MS)
    const ask = (socket: Socket) => {
      request = (url.protocol === 'https:' ? https : http).request(url, {
        createConnection: () => socket,
        headers: { Host: url.host, Accept: 'application/json', ...headers },
      })
      request.on('error', fail)
      request.on('response', (response) => {
        readBody(response, (body) => settle(() => resolve({ response, body })), fail)
      })
      request.end()
    }
    stopConnecting = outbound.connect(url, ask, fail)
  })
}

function readBody(response: IncomingMessage, onBody: (body: string) => void, onError: (error: Error) => void): void {
  const parts: Buffer[] = []
  let bytes = 0
  response.on('error', onError)
  response.on('data', (part: Buffer) => {
    parts.push(part)
    bytes += part.length
    if (bytes > MAX_BODY_BYTES) onError(new TunnelError('TUN_ERR_NOT_A_SERVER', 'too long an answer'))
  })
  response.on('end', () => onBody(Buffer.concat(parts).toString()))
}
