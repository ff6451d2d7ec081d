import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { createApp } from 'tunnel-bench/origin'
import { Bystander } from './support/bystander.js'
import { eventually, type Running } from './support/process.js'
import { RawVisitor, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

/** Requests that meet the fault; more than the tunnel may carry in the last row. */
const VISITORS = 40
const PROGRESS = 100
const PART = 'x'.repeat(64 * 1024)
/** More than sockets, windows and queues between visitor and app can hold. */
const UPLOAD_BYTES = 32 * 1024 * 1024

interface Faulty {
  world: World
  agent: Running
  /** A visitor of the faulty tunnel who has sent this request. */
  ask(head?: string): RawVisitor
  /** Let the app do this with every connection it gets. */
  app(behave: (socket: Socket) => void): void
  /** The other tunnel has answered so often since. */
  progress(): Promise<void>
}

const rows: Array<[what: string, fault: (faulty: Faulty) => Promise<void>]> = [
  [
    'its app takes requests and never answers',
    async ({ app, ask, progress }) => {
      app(() => {})
      for (let i = 0; i < VISITORS; i++) ask()
      await progress()
    },
  ],
  [
    'its app sends a head without end',
    async ({ app, ask, progress }) => {
      app((socket) => endless(socket, 'HTTP/1.1 200 OK\r\n', `X-Endless: ${'x'.repeat(1_000)}\r\n`))
      const visitors = Array.from({ length: VISITORS }, () => ask())
      await progress()
      for (const visitor of visitors) await visitor.until((text) => text.startsWith('HTTP/1.1 502 '))
    },
  ],
  [
    'its app sends interim responses without end to visitors who do not read',
    async ({ app, ask, progress }) => {
      app((socket) => endless(socket, '', `HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(1_000)}>\r\n\r\n`))
      for (let i = 0; i < VISITORS; i++) ask().socket.pause()
      await progress()
    },
  ],
  [
    'its visitors do not read an endless answer',
    async ({ app, ask, progress }) => {
      app((socket) => endless(socket, 'HTTP/1.1 200 OK\r\n\r\n', PART))
      for (let i = 0; i < VISITORS; i++) ask().socket.pause()
      await progress()
    },
  ],
  [
    'its app does not read uploads',
    async ({ app, ask, progress }) => {
      app((socket) => socket.pause())
      for (let i = 0; i < VISITORS; i++) {
        const visitor = ask(`POST / HTTP/1.1\r\nHost: faulty.localhost\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`)
        endless(visitor.socket, '', PART, UPLOAD_BYTES)
      }
      await progress()
    },
  ],
  [
    'its app resets every connection',
    async ({ app, ask, progress }) => {
      app((socket) => socket.resetAndDestroy())
      const visitors = Array.from({ length: VISITORS }, () => ask())
      for (const visitor of visitors) await visitor.until((text) => text.startsWith('HTTP/1.1 502 '))
      await progress()
    },
  ],
  [
    'it is asked for more at once than it may carry',
    async ({ world, app, ask, progress }) => {
      app(() => {})
      for (let i = 0; i < LIMIT; i++) ask()
      await eventually('it carries no more', async () => (await visit(world, 'faulty', '/')).status === 503)
      const refused = Array.from({ length: VISITORS }, () => ask())
      for (const visitor of refused) await visitor.until((text) => text.startsWith('HTTP/1.1 503 '))
      await progress()
    },
  ],
  [
    'its agent is stopped in the middle of everything',
    async ({ app, ask, agent, progress }) => {
      app((socket) => socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')))
      agent.kill('SIGSTOP')
      const visitors = Array.from({ length: VISITORS }, () => ask())
      await progress()
      agent.kill('SIGCONT')
      for (const visitor of visitors) await visitor.until((text) => text.endsWith('\r\n\r\nok'))
    },
  ],
  [
    'its agent is killed',
    async ({ world, app, ask, agent, progress }) => {
      let connections = 0
      app(() => connections++)
      const visitors = Array.from({ length: VISITORS }, () => ask())
      await eventually('all requests are at the app', () => connections === VISITORS)
      agent.kill('SIGKILL')
      for (const visitor of visitors) await visitor.until((text) => text.startsWith('HTTP/1.1 503 '))
      assert.equal((await visit(world, 'faulty', '/')).status, 503)
      await progress()
    },
  ],
]

/** What one tunnel may carry here. */
const LIMIT = 64

/** Send `first`, then `part` again and again as fast as it is taken, up to `bytes`. */
function endless(socket: Socket, first: string, part: string, bytes = Number.POSITIVE_INFINITY): void {
  let left = bytes
  const go = () => {
    while (left > 0 && !socket.destroyed) {
      left -= part.length
      if (!socket.write(part)) return
    }
  }
  socket.write(first)
  socket.on('drain', go)
  go()
}

for (const [what, fault] of rows) {
  test(`one tunnel: ${what}; another one goes on without an error`, async () => {
    await using world = await World.start({
      args: ['--max-streams', String(LIMIT), '--resume-grace', '500ms', '--park', '500ms'],
    })
    await world.agent('bystander', await world.listen(createApp()))
    let behave: (socket: Socket) => void = () => {}
    const agent = await world.agent('faulty', await world.rawApp((socket) => behave(socket)))
    const bystander = new Bystander(world, 'bystander')
    await bystander.progress(1)
    await within(
      `the end of: ${what}`,
      fault({
        ...{ world, agent },
        ask(head = 'GET / HTTP/1.1\r\nHost: faulty.localhost\r\n\r\n') {
          const visitor = new RawVisitor(world)
          visitor.send(head)
          return visitor
        },
        app(next) {
          behave = next
        },
        progress: () => bystander.progress(PROGRESS),
      }),
    )
    await bystander.progress(PROGRESS)
    assert.deepEqual(bystander.failures, [])
    assert.ok(world.server.running, world.server.output)
  })
}
