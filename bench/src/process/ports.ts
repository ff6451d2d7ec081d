import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Child } from './child.js'

export const LOOPBACK = '127.0.0.1'

const DEADLINE_MS = 15_000

/** A port on which nothing listens. Somebody may take it before it is used; then the program that was to get it says so. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, LOOPBACK)
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  if (address === null || typeof address === 'string') throw new Error('no free port')
  return address.port
}

/** Resolves once `child` accepts connections on `port`. */
export function untilListening(child: Child, port: number, host = LOOPBACK): Promise<void> {
  return untilTrue(child, `listen on port ${port}`, () => accepts(host, port))
}

/** Asks every 5 ms. Rejects when the child ends first, or does not get there in time: within 15 seconds unless given. */
export async function untilTrue(
  child: Child,
  what: string,
  test: () => Promise<boolean>,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs
  while (!(await test())) {
    if (!child.running) throw new Error(`${child.name} ended before it could ${what}: ${child.lastWords}`)
    if (performance.now() > giveUpAt)
      throw new Error(`${child.name} did not ${what} within ${deadlineMs} ms: ${child.lastWords}`)
    await sleep(5)
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host })
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
