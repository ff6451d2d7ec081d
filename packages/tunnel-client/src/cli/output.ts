import type { Logger } from 'tunnel-protocol'
import type { ExchangeResult } from '../origin/exchange.js'
import type { Tunnel } from '../tunnel.js'

export interface OutputOptions {
  json: boolean
  printRequests: boolean
}

/** What a person or a script reads: the URL first, on stdout; all else is a log on stderr. */
export function showTunnel(tunnel: Tunnel, logger: Logger, options: OutputOptions): void {
  let shown = ''
  // What was last complained about: attempts that fail alike are one line.
  let complaint = ''
  tunnel.on('online', ({ url, session }) => {
    const first = shown === ''
    if (url !== shown) {
      shown = url
      process.stdout.write(
        options.json ? `${JSON.stringify({ url, name: tunnel.name, target: tunnel.target })}\n` : `${url}\n`,
      )
    }
    logger.info(
      { session },
      first ? `online, forwarding to ${tunnel.target}` : `online again, ${url} → ${tunnel.target}`,
    )
    complaint = ''
  })
  tunnel.on('offline', ({ error, delayMs }) => {
    const fields = { code: error.code, retryInMs: delayMs }
    if (error.detail === complaint) logger.debug(fields, error.detail)
    else logger.warn(fields, `${error.detail}; trying again until it works`)
    complaint = error.detail
  })
  if (options.printRequests) tunnel.on('response', (result) => showExchange(result, logger))
  tunnel.on('originDown', (error, waitMs) => {
    const then = waitMs > 0 ? 'requests wait for the app' : 'works as soon as the app does'
    logger.warn({ code: error.code, waitMs }, `${error.detail}; the tunnel stays open, and ${then}`)
  })
  tunnel.on('originUp', () => logger.info({}, `the app at ${tunnel.target} answers again`))
}

function showExchange(result: ExchangeResult, logger: Logger): void {
  const ms = Math.round(result.durationMs)
  const outcome = result.status ?? result.error?.code ?? 'failed'
  logger.info({ request: result.id, status: result.status, ms }, `${result.method} ${result.path} ${outcome} ${ms} ms`)
}
