export { ByteQueue } from './byte-queue.js'
export * from './constants.js'
export * from './control/messages.js'
export * from './errors.js'
export { errorFromPayload } from './frame/error-payload.js'
export { BodyReader, type BodySink } from './http/body.js'
export { writeChunk, writeLastChunk } from './http/chunked.js'
export { type PeerFacts, type Provenance, provenance } from './http/forwarded.js'
export {
  type Framing,
  parseRequestHead,
  parseResponseHead,
  type RequestHead,
  type RequestHeadLimits,
  type ResponseHead,
  wantedUpgrade,
} from './http/head.js'
export { HeadReader } from './http/head-reader.js'
export { IDEMPOTENT_METHODS } from './http/methods.js'
export { Outlet } from './http/outlet.js'
export { TOKEN } from './http/syntax.js'
export { checkTrailers, withoutForwarding } from './http/trailers.js'
export { whenEndIsClean } from './link/clean-end.js'
export { addressOf, type Connect, type ConnectOptions, connectTo } from './link/connect.js'
export { FrameBoundaries } from './link/frame-boundaries.js'
export { readGreeting, sendGoAway, sendGreeting } from './link/greeting.js'
export { acceptHandshake, type HandshakeOptions, isHandshake, openHandshake } from './link/handshake.js'
export { Keepalive, type KeepaliveOptions } from './link/keepalive.js'
export type { Link, LinkHandler } from './link/link.js'
export { useReadBuffers } from './link/read-buffer.js'
export { ReadTurns } from './link/read-turns.js'
export { readingSocket, stopReading, withReadBuffer } from './link/reading-socket.js'
export { WebSocketLink, type WebSocketRole } from './link/websocket.js'
export { frameHeader, Opcode } from './link/websocket-frames.js'
export { type Logger, silentLogger } from './logger.js'
export * from './options.js'
export { addressBits, isInAny, type Network, parseNetwork } from './rules/network.js'
export { checkPassword, hashPassword, MAX_PASSWORD_LENGTH } from './rules/password-hash.js'
export { type BasicAuthUser, isUserName, parseRules, type Rules, USER_RULE } from './rules/rules.js'
export { type OpenRequest, parseControl, Session, type SessionHandler, type SessionOptions } from './session/session.js'
export { Stream, type StreamHandler } from './session/stream.js'
export { WindowBudget } from './session/window-budget.js'
