import type { FastifyInstance } from 'fastify'
import type { ApiContext } from './context.js'
import { credentialsOf } from './credentials.js'

/** `GET /api/v1/me`: whose token this is, and what he may. On a server that is open to everyone it answers without a token too. */
export async function meRoute(app: FastifyInstance, context: ApiContext): Promise<void> {
  const schema = { querystring: { type: 'object', properties: {}, additionalProperties: false } } as const
  app.get('/api/v1/me', { schema }, async (request, reply) => {
    reply.header('cache-control', 'no-store')
    const { account, open } = await context.accounts.identify(credentialsOf(request, context))
    return { account, server: context.software, domain: context.domain, open }
  })
}
