import { request } from 'node:http'
import type { Address } from '../load/job.js'
import type { Child } from '../process/child.js'
import { LOOPBACK, untilTrue } from '../process/ports.js'

const PATIENCE_MS = 1_000

/** Asks until the app answers through `child`. */
export function untilAnswered(address: Address, child: Child): Promise<void> {
  return untilTrue(child, 'carry a first answer', () => answers(address))
}

/** Whether a visitor gets the app's answer within a second. */
export function answers({ ip = LOOPBACK, port, host }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request({
      host: ip,
      port,
      path: '/1k',
      agent: false,
      headers: { host },
      timeout: PATIENCE_MS,
    })
    asked.on('response', (response) => {
      response.resume().on('error', () => {})
      resolve(response.statusCode === 200)
    })
    asked.on('timeout', () => asked.destroy())
    asked.on('error', () => resolve(false)).end()
  })
}
