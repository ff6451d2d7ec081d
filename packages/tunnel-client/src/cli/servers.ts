import { ServersFile } from '../servers/servers-file.js'
import type { ServersOptions } from './command-options.js'
import { NO_ACCOUNT, say } from './say.js'

/** `tunnel servers`: what is known, without the tokens; the first one is used where none is named. */
export function listServers({ json }: ServersOptions): void {
  const servers = new ServersFile().read()
  if (json) {
    say(JSON.stringify(servers.map(({ name, url, account }) => ({ name, url, account: account ?? null }))))
    return
  }
  if (servers.length === 0) say('None yet: tunnel login https://tunnel.example.com')
  const width = Math.max(...servers.map(({ name }) => name.length))
  servers.forEach(({ name, url, token, account }, i) => {
    const who = token === undefined ? '(open)' : (account ?? NO_ACCOUNT)
    say(`${i === 0 ? '*' : ' '} ${name.padEnd(width)}  ${url}  ${who}`)
  })
}
