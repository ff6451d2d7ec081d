import { normalizeServerUrl } from '../agent/server-url.js'
import { Outbound } from '../outbound/outbound.js'
import { chooseServer, withLoginHint } from '../servers/choose.js'
import { type Account, askMe, printable } from '../servers/me.js'
import { ServersFile } from '../servers/servers-file.js'
import type { WhoamiOptions } from './command-options.js'
import { NO_ACCOUNT, say } from './say.js'
import { readToken } from './secrets.js'

/** `tunnel whoami [server]`: what the server knows of the account that the token is for. */
export async function whoami(argument: string | undefined, options: WhoamiOptions): Promise<void> {
  const given = { server: argument ?? options.server, token: readToken(options.token, options.tokenFile) }
  const choice = chooseServer(given, () => new ServersFile().read())
  const { token, name } = choice
  const url = normalizeServerUrl(choice.server)
  const me = await askMe(url, token, new Outbound(url, options)).catch((error: unknown) => {
    throw withLoginHint(error, choice)
  })
  if (options.json) {
    say(JSON.stringify({ ...me, name, url }))
    return
  }
  const { account } = me
  if (account === null) say('Nobody: the server is open, no token is needed.')
  else sayAccount(account)
  const kept = name === undefined ? '' : `, kept as "${name}"`
  say(`Server  ${url}${kept}; ${printable(me.server)} for ${printable(me.domain)}`)
}

function sayAccount({ name, role, names, limits }: Account): void {
  say(`${name === null ? NO_ACCOUNT : printable(name)} (${printable(role)})`)
  const patterns = names.map(printable).join(', ')
  say(`Names   ${patterns === '' ? 'any that is free' : `${patterns}, and random ones`}`)
  const numbers = Object.entries(limits).filter(([, limit]) => typeof limit === 'number')
  const shown = numbers.map(([what, limit]) => `${printable(what)} ${limit}`).join(', ')
  say(`Limits  ${shown === '' ? 'none of its own' : shown}`)
}
