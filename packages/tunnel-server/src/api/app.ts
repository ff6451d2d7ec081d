import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import { accountRoutes } from './accounts.js'
import type { ApiContext } from './context.js'
import { domainCheckRoute } from './domain-check.js'
import { type Door, Doors, doorRoute } from './door.js'
import { healthRoute } from './health.js'
import { landingRoute } from './landing.js'
import { meRoute } from './me.js'
import { problemHandler } from './problem.js'

export interface ApiServer {
  app: FastifyInstance
  /** Serve `socket` from `bytes` on. `door`: that is a request for it, and not for the bare domain. */
  take(socket: Socket, bytes: Buffer, door?: Door): void
  close(): Promise<void>
}

const CLOSE_DEADLINE_MS = 2_000
/**
 * Time for a request and its answer. Our own clock: node:http looks after its time-outs only in a server that listens, and after
 * connections only until they are upgraded.
 */
const REQUEST_DEADLINE_MS = 20_000

/**
 * The server's own pages and API, and the door for links. Its HTTP server never listens: the edge hands it the connections
 * whose Host is the bare domain. One request per connection, because the next one on it may be for a tunnel.
 */
export async function createApi(context: ApiContext): Promise<ApiServer> {
  let server!: Server
  const deadlines = new Map<Socket, NodeJS.Timeout>()
  const doors = new Doors()
  const app = Fastify({
    logger: false,
    bodyLimit: 64 * 1024,
    // What does not fit is refused as it is: nothing is taken away or made to fit.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false, verbose: true } },
    serverFactory(handler) {
      server = createServer(handler)
      server.on('upgrade', (request, socket, head) => {
        if (!doors.allow(socket as Socket, request.url ?? '')) {
          socket.destroy()
          return
        }
        if (context.onUpgrade(request, socket as Socket, head)) clearTimeout(deadlines.get(socket as Socket))
      })
      return server
    },
  })
  app.setNotFoundHandler((request, reply) => {
    reply
      .code(404)
      .send({ error: { code: 'NOT_FOUND', message: `there is nothing at ${request.method} ${pathOf(request.url)}` } })
  })
  app.addHook('onRequest', async (request, reply) => {
    if (!doors.allow(request.raw.socket, request.url)) return reply.callNotFound()
  })
  app.setErrorHandler(problemHandler(context.logger))
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    reply.header('connection', 'close')
  })
  await app.register(healthRoute, context)
  await app.register(domainCheckRoute, context)
  await app.register(landingRoute, context)
  await app.register(doorRoute, { doors })
  await app.register(meRoute, context)
  await app.register(accountRoutes, context)
  await app.ready()
  let onEmpty = () => {}
  return {
    app,
    take(socket, bytes, door) {
      if (door !== undefined) doors.add(socket, door)
      const deadline = setTimeout(() => socket.destroy(), REQUEST_DEADLINE_MS).unref()
      deadlines.set(socket, deadline)
      socket.once('close', () => {
        clearTimeout(deadline)
        deadlines.delete(socket)
        if (deadlines.size === 0) onEmpty()
      })
      socket.pause()
      socket.unshift(bytes)
      // node:http expects what its own listener would give it: a socket that closes when the peer ends.
      socket.allowHalfOpen = true
      server.emit('connection', socket)
      process.nextTick(() => socket.resume())
    },
    async close() {
      await app.close()
      if (deadlines.size > 0) {
        // Links that were told to close do so by themselves.
        const timer = setTimeout(() => onEmpty(), CLOSE_DEADLINE_MS)
        await new Promise<void>((resolve) => {
          onEmpty = resolve
        })
        clearTimeout(timer)
      }
      for (const socket of deadlines.keys()) socket.destroy()
    },
  }
}

/** Without its query, which may hold a secret. */
function pathOf(url: string): string {
  return url.split('?', 1)[0]!
}
