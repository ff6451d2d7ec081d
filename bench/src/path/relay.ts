// A process that passes connections on as a long line would: what comes in leaves a while later, at the line's speed at most.
import { connect, createServer, type Socket } from 'node:net'
import { LOOPBACK } from '../process/ports.js'
import { BYTES_PER_SECOND } from './path.js'

/** In its first argument, as JSON. */
export interface RelayJob {
  port: number
  targetPort: number
  roundTripMs: number
}

/** What waits for the line is held to this, as by the queue of a network card. */
const QUEUE_MS = 5

/** One direction of the line, shared by all connections. */
class Line {
  #freeAt = 0

  /** When `bytes` that are sent now have left. In milliseconds, like all times here. */
  send(bytes: number): number {
    this.#freeAt = Math.max(this.#freeAt, performance.now()) + (bytes / BYTES_PER_SECOND) * 1_000
    return this.#freeAt
  }

  /** How long the next one would wait. */
  get waitMs(): number {
    return this.#freeAt - performance.now()
  }
}

/** Carries from one socket to another. `notBefore`: when the connection would have been open. */
function carry(from: Socket, to: Socket, line: Line, delayMs: number, notBefore: number): void {
  /** What is under way; undefined is the end. */
  const underWay: Array<{ at: number; part: Buffer | undefined }> = []
  let timer: NodeJS.Timeout | undefined
  const deliver = () => {
    timer = undefined
    while (underWay.length > 0 && underWay[0]!.at <= performance.now()) {
      const { part } = underWay.shift()!
      if (part === undefined) to.end()
      else if (!to.write(part)) from.pause()
    }
    if (underWay.length > 0) timer = setTimeout(deliver, Math.max(1, underWay[0]!.at - performance.now()))
  }
  const send = (part: Buffer | undefined) => {
    underWay.push({ at: Math.max(line.send(part?.length ?? 0), notBefore) + delayMs, part })
    timer ??= setTimeout(deliver, delayMs)
  }
  from.on('data', (part) => {
    send(part)
    if (line.waitMs < QUEUE_MS) return
    from.pause()
    setTimeout(() => to.writableNeedDrain || from.resume(), line.waitMs)
  })
  to.on('drain', () => from.resume())
  from.on('end', () => send(undefined))
  from.on('error', () => {})
  from.on('close', () => {
    if (from.readableEnded) return
    clearTimeout(timer)
    to.destroy()
  })
}

const { port, targetPort, roundTripMs } = JSON.parse(process.argv[2] ?? '{}') as RelayJob
const [there, back] = [new Line(), new Line()]
createServer({ allowHalfOpen: true, noDelay: true }, (caller) => {
  const target = connect({ port: targetPort, host: LOOPBACK, allowHalfOpen: true, noDelay: true })
  carry(caller, target, there, roundTripMs / 2, performance.now() + roundTripMs)
  carry(target, caller, back, roundTripMs / 2, 0)
}).listen(port, LOOPBACK)
