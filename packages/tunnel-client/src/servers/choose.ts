import { TunnelError } from 'tunnel-protocol'
import { withoutUser } from '../outbound/without-user.js'
import { findServer, type KnownServers } from './known-servers.js'

const LOCAL_SERVER = 'http://localhost:8000'

export interface ServerChoice {
  server: string
  token: string | undefined
  /** What the user calls the server, where it is one that he has logged in to. */
  name: string | undefined
  /** The token is the one that was kept at the login. */
  isKept: boolean
}

/**
 * Which server is meant, and with which token. `server`: a URL, or the name of one of those that `known` gives; without it the first of them, else one on this
 * machine. `token` wins over the one that is known, which is for its own origin only. `known` is not asked where it can add nothing: its file may be one that
 * can't be used. Throws TUN_ERR_OPTION for a name that nobody has.
 */
export function chooseServer(
  { server, token }: { server: string | undefined; token: string | undefined },
  known: () => KnownServers,
): ServerChoice {
  if (server?.includes('://') && token !== undefined) return { server, token, name: undefined, isKept: false }
  const servers = known()
  const found = server === undefined ? servers[0] : findServer(servers, server)
  if (found !== undefined) {
    const isKept = token === undefined && found.token !== undefined
    return { server: found.url, token: token ?? found.token, name: found.name, isKept }
  }
  if (server !== undefined && /^[^.:/]*$/.test(server) && server !== 'localhost') throw noSuchServer(server, servers)
  return { server: server ?? LOCAL_SERVER, token, name: undefined, isKept: false }
}

/** The server wants the kept token no more: the error says what to do as well. Any other is what it was. */
export function withLoginHint(error: unknown, { name, isKept }: ServerChoice): unknown {
  if (!isKept || !(error instanceof TunnelError) || error.code !== 'TUN_ERR_UNAUTHORIZED') return error
  return new TunnelError(error.code, `${error.detail}; tunnel login ${name} takes a new one`, { cause: error })
}

export function noSuchServer(given: string, servers: KnownServers): TunnelError {
  const names = servers.map(({ name }) => name).join(', ')
  return new TunnelError(
    'TUN_ERR_OPTION',
    `server: "${withoutUser(given)}" is no URL, and no server that you have logged in to (${names === '' ? 'there are none' : names})`,
  )
}
