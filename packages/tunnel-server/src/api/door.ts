import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { DOOR_PATH } from '../policy/door-path.js'

/** A request for a page on the host of a tunnel, of which all is known but its body. */
export interface Door {
  /** `form`: what its body says. */
  answer(form: URLSearchParams): Promise<DoorAnswer>
}

interface DoorAnswer {
  status: number
  /** Header lines, each ending in CRLF. */
  headers: string
  body: Buffer
}

/** Larger than any form of ours. In bytes. */
const MAX_FORM_BYTES = 16 * 1024

/** The connections that have come for a door, each with one request for it. */
export class Doors {
  readonly #doors = new WeakMap<Socket, Door | undefined>()

  add(socket: Socket, door: Door): void {
    this.#doors.set(socket, door)
  }

  /** Whether a request is where it belongs: on the host of a tunnel there is nothing but its door, and on the bare domain there is none. */
  allow(socket: Socket, url: string): boolean {
    return this.#doors.has(socket) === url.startsWith(DOOR_PATH)
  }

  /** The door of a connection, for its first request. */
  take(socket: Socket): Door | undefined {
    const door = this.#doors.get(socket)
    this.#doors.set(socket, undefined)
    return door
  }
}

/** `/.tunnel/*` on the hosts of tunnels. */
export async function doorRoute(app: FastifyInstance, { doors }: { doors: Doors }): Promise<void> {
  const type = 'application/x-www-form-urlencoded'
  app.addContentTypeParser(type, { parseAs: 'string', bodyLimit: MAX_FORM_BYTES }, (_request, body, done) =>
    done(null, new URLSearchParams(body as string)),
  )
  app.all(`${DOOR_PATH}*`, async (request, reply) => {
    const door = doors.take(request.raw.socket)
    if (door === undefined) return reply.callNotFound()
    const form = request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
    const { status, headers, body } = await door.answer(form)
    for (const line of headers.split('\r\n').slice(0, -1)) {
      const colon = line.indexOf(':')
      reply.header(line.slice(0, colon), line.slice(colon + 1).trim())
    }
    return reply.code(status).send(body)
  })
}
