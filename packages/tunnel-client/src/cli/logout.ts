import { TunnelError } from 'tunnel-protocol'
import { noSuchServer } from '../servers/choose.js'
import { findServer, type KnownServers, withoutServers } from '../servers/known-servers.js'
import { ServersFile } from '../servers/servers-file.js'
import type { LogoutOptions } from './command-options.js'
import { say } from './say.js'

/** `tunnel logout [server]`: forget it, or the first one where none is named. The token itself stays good: only the server can revoke it. */
export async function logout(given: string | undefined, { all }: LogoutOptions): Promise<void> {
  if (all && given !== undefined) throw new TunnelError('TUN_ERR_OPTION', 'expected a server or --all, got both')
  const file = new ServersFile()
  if (given === undefined && file.read().length === 0) {
    say('You are not logged in to any server.')
    return
  }
  let gone: KnownServers = []
  let isFirstGone = false
  const left = await file.update((servers) => {
    gone = all ? servers : chosen(servers, given)
    isFirstGone = gone[0] === servers[0]
    return withoutServers(servers, gone)
  })
  for (const { name, url } of gone) say(`Logged out of ${url} ("${name}").`)
  const [first] = left
  if (first !== undefined && isFirstGone) say(`"tunnel -p 8080" uses ${first.url} ("${first.name}") now.`)
}

function chosen(servers: KnownServers, given: string | undefined): KnownServers {
  if (given === undefined) return servers.slice(0, 1)
  const server = findServer(servers, given)
  if (server === undefined) throw noSuchServer(given, servers)
  return [server]
}
