import { logOptions } from 'tunnel-command/log-options'
import {
  durationMs,
  integer,
  lines,
  list,
  MAX_LINKS,
  MAX_PASSWORD_LENGTH,
  type Option,
  parseNetwork,
  switched,
  text,
} from 'tunnel-protocol'

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
  force: switched({
    flag: 'force',
    env: 'TUNNEL_FORCE',
    fallback: false,
    help: 'take the name over from another agent of your account, which is told and ends',
  }),
  pool: switched({
    flag: 'pool',
    env: 'TUNNEL_POOL',
    fallback: false,
    help: 'serve the name together with other agents of your account that say so too',
  }),
  links: integer({
    flag: 'links',
    env: 'TUNNEL_LINKS',
    min: 1,
    max: MAX_LINKS,
    fallback: undefined as number | undefined,
    help: 'connections to the server; when one is lost, the others go on; unless set, as many as the server asks for, mostly 1',
  }),
  server: text({
    flag: 'server',
    env: 'TUNNEL_SERVER',
    metavar: '<url>',
    fallback: undefined as string | undefined,
    help: 'your tunnel-server, or its name in "tunnel servers"; unless set, the one you logged in to, else http://localhost:8000',
  }),
  localHost: text({
    flag: 'local-host',
    short: 'l',
    env: 'TUNNEL_LOCAL_HOST',
    metavar: '<host>',
    fallback: undefined as string | undefined,
    help: 'host of the local app, where it is not localhost',
  }),
  unix: text({
    flag: 'unix',
    env: 'TUNNEL_UNIX',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'Unix socket of the local app, in place of a port',
  }),
  localHttps: switched({
    flag: 'local-https',
    env: 'TUNNEL_LOCAL_HTTPS',
    fallback: false,
    help: 'the local app speaks HTTPS; on this machine any certificate will do',
  }),
  originCa: text({
    flag: 'origin-ca',
    env: 'TUNNEL_ORIGIN_CA',
    metavar: '<file>',
    fallback: undefined as string | undefined,
    help: 'certificates (PEM) to verify that of the local app against, on this machine too',
  }),
  originServerName: text({
    flag: 'origin-server-name',
    env: 'TUNNEL_ORIGIN_SERVER_NAME',
    metavar: '<name>',
    fallback: undefined as string | undefined,
    help: 'name that the certificate of the local app is for, where that is not its host',
  }),
  hostHeader: text({
    flag: 'host-header',
    env: 'TUNNEL_HOST_HEADER',
    metavar: '<value>',
    fallback: undefined as string | undefined,
    help: 'Host that the app sees: "rewrite" for its own address, or any value; redirects and cookies are mapped back',
  }),
  waitForOriginMs: durationMs({
    flag: 'wait-for-origin',
    env: 'TUNNEL_WAIT_FOR_ORIGIN',
    fallback: undefined as number | undefined,
    help: 'how long requests wait while the local app is down, as when it restarts, then 502; 0: not at all, as in a pool; 5s unless set',
  }),
  token: text({
    flag: 'token',
    env: 'TUNNEL_TOKEN',
    metavar: '<token>',
    secret: true,
    fallback: undefined as string | undefined,
    help: 'your token, where the server wants one; better in the environment, or in a file, or kept by "tunnel login"',
  }),
  tokenFile: text({
    flag: 'token-file',
    env: 'TUNNEL_TOKEN_FILE',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'file that holds nothing but the token',
  }),
  allowIp: networks({
    flag: 'allow-ip',
    env: 'TUNNEL_ALLOW_IP',
    help: 'visitors from these addresses only, e.g. 203.0.113.7,2001:db8::/32; others get 403',
  }),
  denyIp: networks({
    flag: 'deny-ip',
    env: 'TUNNEL_DENY_IP',
    help: 'no visitors from these addresses, whatever --allow-ip says',
  }),
  basicAuth: users({
    flag: 'basic-auth',
    env: 'TUNNEL_BASIC_AUTH',
    help: 'visitors who show this user name and password only; once for each user, in the environment one a line; others get 401',
  }),
  basicAuthFile: text({
    flag: 'basic-auth-file',
    env: 'TUNNEL_BASIC_AUTH_FILE',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'file with more of these, one user:password a line',
  }),
  password: {
    ...text({
      flag: 'password',
      env: 'TUNNEL_PASSWORD',
      metavar: '<password>',
      secret: true,
      fallback: undefined as string | undefined,
      help: 'visitors who type this password into a sign-in page only; better in the environment, or in the file of --config',
    }),
    parse(value: string) {
      if (value !== '' && value.length <= MAX_PASSWORD_LENGTH) return value
      throw new Error(`expected 1 to ${MAX_PASSWORD_LENGTH} characters`)
    },
  },
  proxy: text({
    flag: 'proxy',
    env: 'TUNNEL_PROXY',
    metavar: '<url>',
    secret: true,
    fallback: undefined as string | undefined,
    help: 'HTTP or HTTPS proxy on the way to the server, or none; unless set, HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY count',
  }),
  ca: text({
    flag: 'ca',
    env: 'TUNNEL_CA',
    metavar: '<file>',
    fallback: undefined as string | undefined,
    help: 'certificates (PEM) to trust for the server, in addition to those that Node trusts',
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
  config: text({
    flag: 'config',
    env: 'TUNNEL_CLIENT_CONFIG',
    metavar: '<path>',
    fallback: undefined as string | undefined,
    help: 'YAML file with any of these settings, called like the flags, and with rules for visitors',
  }),
}

/** Addresses and CIDRs, at least one where there are any: an empty list would let in everybody. */
function networks(row: { flag: string; env: string; help: string }): Option<string[]> {
  const option = list({ ...row, metavar: '<cidrs>', fallback: [] })
  return {
    ...option,
    parse(value) {
      const items = option.parse(value)
      if (items.length > 0 && items.every((item) => parseNetwork(item) !== undefined)) return items
      throw new Error('expected addresses or CIDRs such as 203.0.113.7,10.0.0.0/8,2001:db8::/32')
    },
  }
}

/** `user:password`, one a line, at least one where there are any. */
function users(row: { flag: string; env: string; help: string }): Option<string[]> {
  const option = lines({ ...row, metavar: '<user:password>', secret: true, fallback: [] })
  return {
    ...option,
    parse(value) {
      const items = option.parse(value)
      if (items.length > 0 && items.every((item) => /^[^:]+:./.test(item))) return items
      throw new Error('expected user:password')
    },
  }
}
