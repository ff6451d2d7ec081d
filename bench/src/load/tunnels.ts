import { setTimeout as sleep } from 'node:timers/promises'
import { type ClaimStore, tunnel } from 'tunnel-client'
import { LOOPBACK } from '../process/ports.js'
import type { Address, Opened } from './job.js'

const AT_ONCE = 20
const SETTLE_MS = 1_000

/** The server makes up the names, and nobody wants them back. */
const claims: ClaimStore = { get: () => undefined, set: () => {} }

/** `count` agents in this process, each with a tunnel that nobody visits, until SIGTERM. Calls `going` when all are open. */
export async function tunnels(
  { ip = LOOPBACK, port, count }: Address & { count: number },
  going: () => void,
): Promise<Opened> {
  const over = new Promise<void>((resolve) => process.once('SIGTERM', resolve))
  let errors = 0
  let wanted = 1
  const open = async () => {
    while (wanted-- > 0) {
      try {
        const opened = await tunnel({ server: `http://${ip}:${port}`, target: String(port), claims })
        opened.on('offline', () => errors++)
      } catch {
        errors++
      }
    }
  }
  // What the code of an agent needs once is not a tunnel's.
  await open()
  await sleep(SETTLE_MS)
  const firstBytes = process.memoryUsage.rss()
  wanted = count - 1
  await Promise.all(Array.from({ length: AT_ONCE }, open))
  going()
  await over
  return { count, errors, firstBytes, allBytes: process.memoryUsage.rss() }
}
