import http, { type IncomingMessage, type Server } from 'node:http'
import https from 'node:https'

export interface StandInAccount {
  name: string | null
  role: string
  names: string[]
  limits: Record<string, number>
}

/** Answers `GET /api/v1/me` as a tunnel-server does, for accounts by their tokens. */
export class ApiStandIn {
  readonly server: Server
  /** What was shown, request by request; undefined: no token. */
  readonly shown: Array<string | undefined> = []
  readonly #accounts: Record<string, StandInAccount>
  readonly #open: boolean

  constructor(
    accounts: Record<string, StandInAccount>,
    { open = false, tls }: { open?: boolean; tls?: https.ServerOptions } = {},
  ) {
    this.#accounts = accounts
    this.#open = open
    const listener: http.RequestListener = (request, response) => {
      const [status, body] = this.#answer(request)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    this.server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener)
  }

  #answer({ url, headers }: IncomingMessage): [number, object] {
    if (url !== '/api/v1/me') return [404, { error: { code: 'NOT_FOUND', message: 'there is nothing' } }]
    const token = headers.authorization?.replace(/^Bearer /, '')
    this.shown.push(token)
    const account = token === undefined ? undefined : this.#accounts[token]
    if (account === undefined && (token !== undefined || !this.#open)) {
      return [401, { error: { code: 'TUN_ERR_UNAUTHORIZED', message: 'no such token' } }]
    }
    return [200, { account: account ?? null, server: 'stand-in/1', domain: 'tunnel.test', open: this.#open }]
  }
}
