import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Address } from '../load/job.js'
import { visit } from '../load/visitor.js'
import { startOrigin } from '../origin/start.js'
import type { Child } from '../process/child.js'
import { freePort, untilListening } from '../process/ports.js'
import type { Stage } from '../process/stage.js'
import { untilAnswered } from '../targets/first-answer.js'
import { agentCommand, serverCommand } from '../targets/ours.js'
import { Line } from './line.js'
import { type Held, heldBy, TELLING } from './memory.js'

const HOST = 'demo.localhost'
/** What the visitor of the endless download reads, in bytes per second. */
const TRICKLE = 1_024 * 1_024
const ENDLESS_BYTES = 1e14
/** Without an answer for so long, the link has not survived. */
const PATIENCE_MS = 30_000

/** What both processes hold after so many cuts. */
export interface Mark {
  cuts: number
  server: Held
  agent: Held
}

export interface Cuts {
  marks: Mark[]
  /** For each cut: until a message that was sent at that moment was answered. In milliseconds, ascending. */
  pausesMs: number[]
  seconds: number
}

/**
 * Cut the link of a tunnel `last(marksAt)` times, with a WebSocket open and a download that trickles. Throws when one of them breaks,
 * or a message is lost or doubled. `marksAt`: after how many cuts to look, ascending.
 */
export async function cutOften(stage: Stage, marksAt: number[]): Promise<Cuts> {
  const port = await freePort()
  const server = stage.start('server', process.execPath, [...TELLING, ...serverCommand(port)])
  await untilListening(server, port)
  const line = new Line(port)
  const linePort = await line.listen()
  const app = await startOrigin(stage)
  const agent = stage.start('agent', process.execPath, [...TELLING, ...agentCommand(linePort, 'demo', app)])
  await untilAnswered({ port, host: HOST }, agent)

  const trickle = new Trickle({ port, host: HOST })
  const echo = await Echo.open({ port, host: HOST })
  const marks: Mark[] = []
  const pausesMs: number[] = []
  const startedAt = performance.now()
  try {
    for (let cuts = 0; ; cuts++) {
      if (cuts === marksAt[marks.length]) marks.push({ cuts, ...(await held(server, agent)) })
      if (marks.length === marksAt.length) break
      const { count } = line
      line.cut()
      pausesMs.push(await echo.answer())
      if (line.count === count) throw new Error('a message was answered without a new link')
      if (trickle.broken) throw new Error(`the download broke after ${cuts + 1} cuts`)
    }
    const seconds = (performance.now() - startedAt) / 1_000
    return { marks, pausesMs: pausesMs.sort((a, b) => a - b), seconds }
  } finally {
    trickle.close()
    echo.close()
    await agent.stop()
    await line.close()
    await server.stop()
  }
}

/** By how many bytes server or agent, whichever grew more, held more at the last look than at the one before. */
export function growth(marks: Mark[], what: keyof Held): number {
  const [before, last] = marks.slice(-2)
  if (before === undefined || last === undefined) return 0
  return Math.max(last.server[what] - before.server[what], last.agent[what] - before.agent[what])
}

async function held(server: Child, agent: Child): Promise<Omit<Mark, 'cuts'>> {
  return { server: await heldBy(server), agent: await heldBy(agent) }
}

/** A visitor who reads an endless download slowly, so that all windows on its way are full. */
class Trickle {
  broken = false
  readonly #socket

  constructor(address: Address) {
    let received = 0
    const startedAt = performance.now()
    this.#socket = visit(
      address,
      (part) => {
        received += part.length
        const aheadMs = (received / TRICKLE) * 1_000 - (performance.now() - startedAt)
        if (aheadMs <= 0) return true
        setTimeout(() => this.#socket.resume(), aheadMs)
        return false
      },
      () => {
        this.broken = true
      },
    )
    this.#socket.write(`GET /download/${ENDLESS_BYTES} HTTP/1.1\r\nHost: ${address.host}\r\n\r\n`)
  }

  close(): void {
    this.#socket.destroy()
  }
}

/** A visitor with a WebSocket whose app says everything back. */
class Echo {
  readonly #socket: WebSocket
  #sent = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('error', () => {})
  }

  static async open({ port, host }: Address): Promise<Echo> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/echo`, { headers: { host }, perMessageDeflate: false })
    await once(socket, 'open')
    return new Echo(socket)
  }

  /** Resolves to the milliseconds until a message has come back. */
  async answer(): Promise<number> {
    const message = String(this.#sent++)
    const sentAt = performance.now()
    this.#socket.send(message)
    const [heard] = await once(this.#socket, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) })
    if (String(heard) !== message) throw new Error(`message ${message} was due, ${heard} came`)
    return performance.now() - sentAt
  }

  close(): void {
    this.#socket.terminate()
  }
}
