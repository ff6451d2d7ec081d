import { logOptions } from 'tunnel-command/log-options'
import { durationMs, integer, switched, text } from 'tunnel-protocol'

/** Rows behind the flags of `tunnel`. */
export const clientOptions = {
  port: integer({
    flag: 'port',
    short: 'p',
    env: 'TUNNEL_LOCAL_PORT',
    metavar: '<port>',
    min: 1,
    max: 65_535,
    fallback: undefined as number | undefined,
    help: 'port of the local app',
  }),
  subdomain: text({
    flag: 'subdomain',
    short: 's',
    env: 'TUNNEL_SUBDOMAIN',
    metavar: '<name>',
    fallback: undefined as string | undefined,
    help: 'name wanted; without it the server makes one up that is hard to guess',
  }),
  server: text({
    flag: 'server',
    env: 'TUNNEL_SERVER',
    metavar: '<url>',
    fallback: 'http://localhost:8000',
    help: 'your tunnel-server',
  }),
  localHost: text({
    flag: 'local-host',
    short: 'l',
    env: 'TUNNEL_LOCAL_HOST',
    metavar: '<host>',
    fallback: undefined as string | undefined,
    help: 'host of the local app, where it is not localhost',
  }),
  localHttps: switched({
    flag: 'local-https',
    env: 'TUNNEL_LOCAL_HTTPS',
    fallback: false,
    help: 'the local app speaks HTTPS; on loopback its certificate need not be valid',
  }),
  hostHeader: text({
    flag: 'host-header',
    env: 'TUNNEL_HOST_HEADER',
    metavar: '<value>',
    fallback: undefined as string | undefined,
    help: 'Host that the app sees: "rewrite" for its own address, or any value; the public host unless set',
  }),
  token: text({
    flag: 'token',
    env: 'TUNNEL_TOKEN',
    metavar: '<token>',
    fallback: undefined as string | undefined,
    help: 'your token, where the server wants one; better in the environment, or in a file',
  }),
  tokenFile: text({
    flag: 'token-file',
    env: 'TUNNEL_TOKEN_FILE',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'file that holds nothing but the token',
  }),
  open: switched({ flag: 'open', short: 'o', fallback: false, help: 'open the public URL in a browser' }),
  printRequests: switched({
    flag: 'print-requests',
    env: 'TUNNEL_PRINT_REQUESTS',
    fallback: false,
    help: 'log every request; always done on a terminal',
  }),
  json: switched({ flag: 'json', fallback: false, help: 'print {"url", "name", "target"} instead of the bare URL' }),
  ...logOptions,
  pingIntervalMs: durationMs({
    flag: 'ping-interval',
    env: 'TUNNEL_PING_INTERVAL',
    fallback: 15_000,
    help: 'silence after which the server is asked for a sign of life',
  }),
  pingDeadlineMs: durationMs({
    flag: 'ping-deadline',
    env: 'TUNNEL_PING_DEADLINE',
    fallback: 10_000,
    help: 'time for that sign before the connection counts as dead',
  }),
}
