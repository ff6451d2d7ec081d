export { readServerOptions, type ServerOptions } from './options.js'
export { createTunnelServer, SOFTWARE, type TunnelServer } from './server.js'
