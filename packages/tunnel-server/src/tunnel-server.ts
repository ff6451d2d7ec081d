import type { ServerOptions } from './options.js'

/** Who may open tunnels: everyone, who has a token, or nobody, because there is none yet. */
export type Access = 'everyone' | 'tokens' | 'nobody'

export interface TunnelServer {
  /** The port it listens on. */
  readonly port: number
  /** Public URL of the bare domain, without a slash at its end. */
  readonly url: string
  readonly access: Access
  /** Visitor connections right now; undefined where workers have them. */
  readonly connectionCount: number | undefined
  /**
   * Take nothing new, tell the agents, let open requests end for `drainMs`, end the rest (WebSockets with 1012, what has no answer yet with 503),
   * and close. Default: the option `drainMs`.
   */
  close(drainMs?: number): Promise<void>
  /**
   * Take over what can be changed while the server runs; what is open stays as it is, but for agents whose token is gone: their sessions end.
   * Returns the settings that differ and wait for the next start. Throws TUN_ERR_OPTION for what can't be, and then nothing has changed.
   */
  reload(given: Partial<ServerOptions>): string[]
}

/** Public URL of the bare domain of a server on `port`. */
export function publicUrlOf({ publicUrl, domain, tlsCert }: ServerOptions, port: number): string {
  if (publicUrl !== undefined) {
    const url = new URL(publicUrl)
    return `${url.protocol}//${domain}${url.port === '' ? '' : `:${url.port}`}`
  }
  if (tlsCert !== undefined) return `https://${domain}${port === 443 ? '' : `:${port}`}`
  return domain === 'localhost' ? `http://localhost:${port}` : `https://${domain}`
}
