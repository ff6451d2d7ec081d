import type { ServerResponse } from 'node:http'

const TICK_MS = 1_000

/** Server-sent events: the time now and then once a second, until the client leaves. */
export function sendClock(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let count = 0
  const tick = () => {
    // A client that stopped reading gets fewer events, not a growing queue of old ones.
    if (response.writableNeedDrain) return
    count++
    response.write(`id: ${count}\ndata: ${new Date().toISOString()}\n\n`)
  }
  tick()
  const timer = setInterval(tick, TICK_MS)
  response.once('close', () => clearInterval(timer))
}
