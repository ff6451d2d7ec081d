import { type OptionsOf, switched, text } from 'tunnel-protocol'
import { clientOptions } from '../options.js'

const { token, tokenFile, proxy, ca } = clientOptions

/** From the environment only: on the command line it is an argument. */
const server = text({ env: 'TUNNEL_SERVER', fallback: undefined as string | undefined, help: '' })

/** Rows behind the flags of `tunnel login`. */
export const loginOptions = {
  server,
  token: {
    ...token,
    help: 'your token, or - to read it from stdin; unless set, you are asked for it, or it is read from what is piped in',
  },
  tokenFile,
  name: text({
    flag: 'name',
    metavar: '<name>',
    fallback: undefined as string | undefined,
    help: 'what you want to call the server; its host unless set',
  }),
  default: switched({ flag: 'default', fallback: false, help: 'use this server from now on where none is named' }),
  insecure: switched({
    flag: 'insecure',
    fallback: false,
    help: 'send the token without encryption to a server on another machine, where its URL says http',
  }),
  proxy,
  ca,
}
export type LoginOptions = OptionsOf<typeof loginOptions>

/** Rows behind the flags of `tunnel whoami`. */
export const whoamiOptions = {
  server,
  token: {
    ...token,
    help: 'whose account to show; unless set, that of the token you logged in with',
  },
  tokenFile,
  json: switched({ flag: 'json', fallback: false, help: 'print what the server says, with its name and URL' }),
  proxy,
  ca,
}
export type WhoamiOptions = OptionsOf<typeof whoamiOptions>

/** Rows behind the flags of `tunnel logout`. */
export const logoutOptions = {
  all: switched({ flag: 'all', fallback: false, help: 'forget all servers' }),
}
export type LogoutOptions = OptionsOf<typeof logoutOptions>

/** Rows behind the flags of `tunnel servers`. */
export const serversOptions = {
  json: switched({ flag: 'json', fallback: false, help: 'print a list of {"name", "url", "account"}' }),
}
export type ServersOptions = OptionsOf<typeof serversOptions>
