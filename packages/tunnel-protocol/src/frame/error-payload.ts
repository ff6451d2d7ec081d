import { type ErrorCode, errorCodeFromWire, TunnelError, wireFromErrorCode } from '../errors.js'

/** Words for a person in RESET and GO_AWAY, in bytes: what is longer is cut, by sender and receiver. */
const MAX_DETAIL_BYTES = 512

/** Payload of RESET and GO_AWAY: code u32, then words for a person. */
export function errorPayload(code: ErrorCode, detail: string): Buffer {
  const words = Buffer.from(detail.slice(0, MAX_DETAIL_BYTES)).subarray(0, MAX_DETAIL_BYTES)
  const payload = Buffer.allocUnsafe(4 + words.length)
  payload.writeUInt32BE(wireFromErrorCode(code), 0)
  payload.set(words, 4)
  return payload
}

/** The same read back. Throws TUN_ERR_PROTOCOL where there is no code. */
export function errorFromPayload(payload: Buffer): TunnelError {
  if (payload.length < 4) throw new TunnelError('TUN_ERR_PROTOCOL', 'a frame that gives up names no code')
  const words = payload.toString('utf8', 4, 4 + MAX_DETAIL_BYTES)
  return new TunnelError(errorCodeFromWire(payload.readUInt32BE(0)), words || 'no reason given')
}
