import type { FastifyInstance } from 'fastify'
import type { ApiContext } from './context.js'

/** `GET /api/health`: 200 while the server takes visitors. */
export async function healthRoute(app: FastifyInstance, context: ApiContext): Promise<void> {
  app.get('/api/health', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
    const { tunnels, sessions, uptimeSeconds } = await context.totals()
    return { status: 'ok', server: context.software, tunnels, sessions, uptimeSeconds }
  })
}
