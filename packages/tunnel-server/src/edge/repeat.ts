import { type ErrorCode, IDEMPOTENT_METHODS, type RequestHead, type TunnelError } from 'tunnel-protocol'

/**
 * How a stream was lost before a byte of its answer. `linkLost`: its agent has no link, but may be back. `sessionOver`: it will not be back
 * for this stream. `draining`: its agent takes nothing new. `appDown`: nothing listens where its app should be.
 */
export type Loss = 'linkLost' | 'sessionOver' | 'draining' | 'appDown'

/** How often a request is sent, all in all. */
export const MAX_TRIES = 3

/** Ends of a session for which the request can't be to blame. What a broken rule ended once would only be ended again. */
const innocent: ReadonlySet<ErrorCode> = new Set(['TUN_ERR_SESSION_CLOSED', 'TUN_ERR_REPLACED', 'TUN_ERR_DRAINING'])

/** What the end of a stream with `error` means; undefined where it is an answer of a kind. */
export function lossOf(error: TunnelError, sessionOver: boolean): Loss | undefined {
  if (sessionOver) return innocent.has(error.code) ? 'sessionOver' : undefined
  if (error.code === 'TUN_ERR_DRAINING') return 'draining'
  return error.code === 'TUN_ERR_ORIGIN_REFUSED' ? 'appDown' : undefined
}

/** May the request be sent once more? A body is gone once it was sent; what an app may have done once is not done twice. */
export function isRepeatable(request: RequestHead, loss: Loss): boolean {
  return request.framing === 'none' && (loss === 'appDown' || IDEMPOTENT_METHODS.has(request.method))
}
