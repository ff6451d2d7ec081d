import type { FastifyInstance } from 'fastify'
import { routeHost } from '../registry/route.js'
import type { ApiContext } from './context.js'

/**
 * `GET /api/domain-check?domain=`: 200 where a certificate for the domain is ours to ask for, 404 otherwise.
 * For Caddy's `on_demand_tls { ask }`: only the bare domain and names that a tunnel has right now.
 */
export async function domainCheckRoute(app: FastifyInstance, context: ApiContext): Promise<void> {
  const schema = {
    querystring: {
      type: 'object',
      required: ['domain'],
      properties: { domain: { type: 'string', minLength: 1, maxLength: 253 } },
    },
  } as const
  app.get<{ Querystring: { domain: string } }>('/api/domain-check', { schema }, async (request, reply) => {
    reply.header('cache-control', 'no-store')
    const domain = request.query.domain.toLowerCase()
    const route = routeHost(domain, context.domain)
    const known =
      domain === context.domain || (route.kind === 'tunnel' && context.directory.find(route.name) !== undefined)
    if (known) return { domain, known }
    reply.code(404)
    return { error: { code: 'TUN_ERR_NO_TUNNEL', message: `no tunnel is served as ${domain}` } }
  })
}
