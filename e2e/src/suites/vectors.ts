import net from 'node:net'
import { within } from '../support/within.js'
import type { World } from '../support/world.js'
import type { Place, Ready, Score } from './suite.js'

/** How long a connection has to say nothing before what came counts as all. */
const QUIET_MS = 250

/** Why some requests that Node takes are refused by the edge, as docs/protocol.md says. */
export const REASONS = {
  codings: 'transfer codings beside chunked are refused',
  userinfo: 'a user in a target is an error (RFC 9110 section 4.2.4)',
  asterisk: 'the target * is for OPTIONS (RFC 9112 section 3.2.4)',
  protocol: 'neither HTTP/1.1 nor HTTP/1.0',
}

/** Requests as bytes that others wrote, and what they say must come of them. */
export interface Vector {
  name: string
  /** `authority` is the host and port under which the app is reached. */
  bytes(authority: string): Buffer
  /** Empty where all is as it has to be, else what is not. */
  complaint(outcome: Outcome): string
}

export interface Outcome {
  /** Requests that reached the app whole, in order. */
  requests: Array<{ method: string; target: string; headers: string[]; body: Buffer }>
  /** Statuses of the final responses that the visitor got. */
  statuses: number[]
  /** Whether its connection was closed on it. */
  closed: boolean
}

/** Sends one vector after the other, each on a connection of its own, to an app that notes what it gets. */
export function vectorSuite(vectors: Vector[]): Ready {
  let requests: Outcome['requests'] = []
  return {
    startApp: (world: World) =>
      world.app((request, response) => {
        const parts: Buffer[] = []
        request.on('data', (part: Buffer) => parts.push(part))
        request.on('end', () => {
          const { method = '', url: target = '', rawHeaders: headers } = request
          requests.push({ method, target, headers, body: Buffer.concat(parts) })
          response.end('ok')
        })
      }),
    async run({ port }: Place) {
      const score: Score = new Map()
      for (const { name, bytes, complaint } of vectors) {
        requests = []
        const sent = bytes(`127.0.0.1:${port}`)
        const { statuses, closed } = await within(name, send(port, sent))
        const outcome = { requests, statuses, closed }
        const complained = complaint(outcome)
        score.set(name, {
          passed: complained === '',
          words: complained.replaceAll(/127\.0\.0\.1:\d+/g, '…') || 'as it has to be',
        })
      }
      return score
    },
  }
}

const REQUEST_HEAD = /([^ \r\n]+ [^\r\n]+ HTTP\/1\.\d\r\n)((?:[^\r\n]+\r\n)*)/g
const HOST_FIELD = /^(host:[ \t]*)([^\r\n]*?)[ \t]*\r\n/gim
const ABSOLUTE_TARGET = /^([^ ]+ https?:\/\/(?:[^/?# ]*@)?)[^/?# ]*/i

/** The same bytes, addressed to where the app is: each request names it in its only Host, and in an absolute target. */
export function addressed(given: string, authority: string): string {
  return given.replaceAll(REQUEST_HEAD, (all, first: string, fields: string) => {
    const line = first.replace(ABSOLUTE_TARGET, (_, before) => before + authority)
    const hosts = [...fields.matchAll(HOST_FIELD)]
    if (hosts.length === 0) return `${line}Host: ${authority}\r\n${fields}`
    const [field, name = '', host = ''] = hosts[0]!
    return hosts.length > 1 || host === '' ? all : line + fields.replace(field, `${name}${authority}\r\n`)
  })
}

async function send(port: number, bytes: Buffer): Promise<Pick<Outcome, 'statuses' | 'closed'>> {
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true })
  socket.setTimeout(QUIET_MS)
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    received += text
  })
  socket.on('error', () => {})
  const closed = await new Promise<boolean>((resolve) => {
    socket.once('timeout', () => resolve(false))
    socket.once('close', () => resolve(true))
    socket.write(bytes)
  })
  socket.destroy()
  const statuses = [...received.matchAll(/HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status))
  return { statuses: statuses.filter((status) => status >= 200), closed }
}
