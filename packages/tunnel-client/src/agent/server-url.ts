import { TunnelError } from 'tunnel-protocol'
import { withoutUser } from '../outbound/without-user.js'

/** The server's URL in one form: `https://tunnel.example.com`. Takes `tunnel.example.com` as well. Throws TUN_ERR_OPTION. */
export function normalizeServerUrl(given: string): string {
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `https://${given}`
  const url = URL.canParse(withScheme) ? new URL(withScheme) : undefined
  const protocol = url?.protocol.replace(/^ws/, 'http')
  if (
    url === undefined ||
    (protocol !== 'http:' && protocol !== 'https:') ||
    url.username !== '' ||
    url.password !== ''
  ) {
    throw new TunnelError(
      'TUN_ERR_OPTION',
      `server: expected a URL such as https://tunnel.example.com, got "${withoutUser(given)}"`,
    )
  }
  return `${protocol}//${url.host}`
}
