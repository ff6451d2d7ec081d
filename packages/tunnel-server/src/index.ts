export { readServerOptions, type ServerOptions } from './options.js'
export { createTunnelServer } from './server.js'
export type { TunnelServer } from './tunnel-server.js'
export { SOFTWARE } from './version.js'
