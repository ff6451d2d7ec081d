import { DEFAULT_PING_DEADLINE_MS, DEFAULT_PING_INTERVAL_MS } from '../constants.js'
import type { Session } from '../session/session.js'

export interface KeepaliveOptions {
  /** Silence after which a PING goes out, in milliseconds. Default 15_000. */
  intervalMs?: number
  /** Silence after a PING after which the link counts as dead, in milliseconds. Default 10_000. */
  deadlineMs?: number
  /** Called with the round-trip time of each answered PING, in milliseconds. */
  onRoundTrip?: (ms: number) => void
}

const PING = Buffer.from('alive?')

/**
 * Notices a peer that is gone without a word. Any byte received counts as a sign of life.
 * Returns a function that stops it.
 */
export function startKeepalive(session: Session, options: KeepaliveOptions = {}): () => void {
  const intervalMs = options.intervalMs ?? DEFAULT_PING_INTERVAL_MS
  const deadlineMs = options.deadlineMs ?? DEFAULT_PING_DEADLINE_MS
  session.heardAt = Date.now()
  let pinged = false
  /** session.heardAt when the PING went out. Compared for change only: the clock may be set back at any time. */
  let heardBefore = 0
  let timer: NodeJS.Timeout

  const check = () => {
    if (!session.attached) return
    const now = Date.now()
    if (pinged && session.heardAt === heardBefore) {
      session.dropLink(`the peer has been silent for ${now - session.heardAt} ms`)
      return
    }
    const quietMs = now - session.heardAt
    if (quietMs < intervalMs) {
      pinged = false
      schedule(Math.min(intervalMs, intervalMs - quietMs))
      return
    }
    pinged = true
    heardBefore = session.heardAt
    session.ping(PING, () => options.onRoundTrip?.(Date.now() - now))
    schedule(deadlineMs)
  }
  const schedule = (ms: number) => {
    timer = setTimeout(check, Math.max(1, ms))
    timer.unref()
  }
  schedule(intervalMs)
  return () => clearTimeout(timer)
}
