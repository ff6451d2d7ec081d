import type { FastifyRequest } from 'fastify'
import { TunnelError } from 'tunnel-protocol'
import type { Credentials } from '../accounts/entrance.js'
import { requesterOf } from '../policy/requester.js'
import type { ApiContext } from './context.js'

const BEARER = /^Bearer +([\x21-\x7e]{1,1024}) *$/i

/** What a request shows, in its Authorization field and nowhere else. Throws TUN_ERR_UNAUTHORIZED for one that is there and is no bearer token. */
export function credentialsOf(request: FastifyRequest, { isTrusted }: ApiContext): Credentials {
  const address = requesterOf(request.raw, request.raw.socket, isTrusted)
  const { authorization } = request.headers
  if (authorization === undefined) return { token: undefined, address }
  const token = BEARER.exec(authorization)?.[1]
  if (token !== undefined) return { token, address }
  throw new TunnelError('TUN_ERR_UNAUTHORIZED', 'expected a field "Authorization: Bearer <token>"')
}
