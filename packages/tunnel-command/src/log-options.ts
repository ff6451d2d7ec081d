import { choice } from 'tunnel-protocol'

/** Rows for the flags that say what is logged, and how. */
export const logOptions = {
  logLevel: choice({
    flag: 'log-level',
    env: 'TUNNEL_LOG_LEVEL',
    of: ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const,
    fallback: 'info',
    help: 'what to log',
  }),
  logFormat: choice({
    flag: 'log-format',
    env: 'TUNNEL_LOG_FORMAT',
    of: ['auto', 'pretty', 'json'] as const,
    fallback: 'auto',
    help: 'auto: pretty on a terminal, JSON otherwise',
  }),
}
