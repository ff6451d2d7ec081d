import { addressOf, TunnelError } from 'tunnel-protocol'
import { normalizeServerUrl } from '../agent/server-url.js'
import { isLoopback } from '../origin/target.js'
import { Outbound } from '../outbound/outbound.js'
import { chooseServer } from '../servers/choose.js'
import { nameFor, withServer } from '../servers/known-servers.js'
import { askMe, type Me, printable } from '../servers/me.js'
import { ServersFile } from '../servers/servers-file.js'
import { askToken } from './ask-token.js'
import type { LoginOptions } from './command-options.js'
import { NO_ACCOUNT, say } from './say.js'
import { readToken } from './secrets.js'

/**
 * `tunnel login [server]`: check a token, and keep it with the server's URL. The server is asked without it first: some want none, and nobody should give a
 * token to what is no tunnel-server.
 */
export async function login(argument: string | undefined, options: LoginOptions): Promise<void> {
  const file = new ServersFile()
  const known = file.read()
  const given = argument ?? options.server ?? known[0]?.name
  if (given === undefined) {
    throw new TunnelError('TUN_ERR_OPTION', 'which server? tunnel login https://tunnel.example.com')
  }
  const choice = chooseServer({ server: given, token: undefined }, () => known)
  const url = normalizeServerUrl(choice.server)
  checkTransport(new URL(url), options.insecure)
  const wantedName = options.name ?? choice.name
  let name = nameFor(known, url, wantedName)

  const outbound = new Outbound(url, options)
  const nobody = await askAsNobody(url, outbound)
  let token = options.token === '-' ? await askToken(url) : readToken(options.token, options.tokenFile)
  if (token === undefined && nobody === undefined) token = await askToken(url)
  const me = token === undefined ? nobody! : await askMe(url, token, outbound)

  // A server that is open to nobody in particular has no use for it.
  if (me.account === null) token = undefined
  const called = me.account?.name ?? undefined
  const account = called === undefined ? undefined : printable(called)
  const servers = await file.update((current) => {
    name = nameFor(current, url, wantedName)
    return withServer(current, { name, url, token, account }, options.default)
  })
  say(token === undefined ? `${url} is open: no token is needed.` : `Logged in to ${url} as ${account ?? NO_ACCOUNT}.`)
  say(servers[0]!.name === name ? '"tunnel -p 8080" uses it.' : `"tunnel -p 8080 --server ${name}" uses it.`)
  say(`Kept as "${name}" in ${file.path}`)
}

/** Undefined where the server wants a token. */
async function askAsNobody(url: string, outbound: Outbound): Promise<Me | undefined> {
  try {
    return await askMe(url, undefined, outbound)
  } catch (error) {
    if (error instanceof TunnelError && error.code === 'TUN_ERR_UNAUTHORIZED') return undefined
    throw error
  }
}

function checkTransport(url: URL, insecure: boolean): void {
  if (url.protocol === 'https:' || isLoopback(addressOf(url).host) || insecure) return
  throw new TunnelError(
    'TUN_ERR_OPTION',
    `${url.origin} is not encrypted: everybody on the way could read your token, and use it. Log in with https, or with --insecure where you trust the way`,
  )
}
