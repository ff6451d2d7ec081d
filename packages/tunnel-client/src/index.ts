export { TunnelError } from 'tunnel-protocol'
export type { ClaimStore } from './agent/claims.js'
export type { ExchangeInfo, ExchangeResult } from './origin/exchange.js'
export { SOFTWARE, Tunnel, type TunnelEvents, type TunnelOptions, tunnel } from './tunnel.js'
