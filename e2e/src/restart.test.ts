import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { ROOM, startApp } from './faults/load.js'
import { SteadyRequests } from './faults/requests.js'
import { eventually } from './support/process.js'
import { SocketUnit } from './support/socket-unit.js'
import { open, RawVisitor, readAll, responseOf, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { serverBin, World } from './support/world.js'

const RESTARTS = 10
/** Between two restarts there are so many answers: the load has settled. */
const ANSWERS = 100

/** A world whose servers have a socket that outlives them. */
async function startWorld(args: string[]): Promise<World> {
  const world = await World.create()
  const socketUnit = new SocketUnit()
  world.onLeave(async () => socketUnit.close())
  await world.startServer(socketUnit.port, { args, socketUnit })
  return world
}

type Restart = (world: World) => Promise<void>

const restarts: Record<string, Restart> = {
  'one after the other': async (world) => {
    world.server.kill('SIGTERM')
    assert.equal(await world.server.exitCode(), 0)
    await world.startServer()
  },
  'the new one first': async (world) => {
    const old = world.server
    await world.startServer()
    old.kill('SIGTERM')
    assert.equal(await old.exitCode(), 0)
  },
}

for (const [how, restart] of Object.entries(restarts)) {
  test(`ten restarts, ${how}, under 200 requests a second: none fails`, async (t: TestContext) => {
    await using world = await startWorld([...ROOM])
    await world.agent('demo', await startApp(world))
    const requests = new SteadyRequests(world, 'demo')
    for (let i = 0; i < RESTARTS; i++) {
      const before = requests.answered
      await eventually('the load has settled', () => requests.answered >= before + ANSWERS)
      await restart(world)
      assert.deepEqual(requests.failures, [], `after restart ${i + 1}`)
    }
    await requests.finish()
    t.diagnostic(`${requests.answered} requests, longest pause ${Math.round(requests.slowestMs)} ms`)
  })
}

test('what is open has time to end on the old server, while the new one serves; then WebSockets are told to come back', async () => {
  await using world = await startWorld(['--drain', '3s'])
  let finish = () => {}
  const app = await world.app((request, response) => {
    if (request.url === '/') response.end('hello')
    else {
      response.write('begun ')
      if (request.url === '/ends') finish = () => void response.end('and ended')
    }
  })
  const agent = await world.agent('demo', app)
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  world.onLeave(async () => void sockets.close())
  const heard: number[] = []
  sockets.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data))
    socket.on('close', (code) => heard.push(code))
  })
  await world.agent('chat', (sockets.address() as { port: number }).port)
  const chat = () =>
    new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: `chat.localhost:${world.port}` } })
  const echoes = async (socket: WebSocket) => {
    socket.send('hello')
    assert.equal(String((await within('an echo', once(socket, 'message')))[0]), 'hello')
  }

  const socket = chat()
  await within('a WebSocket opens', once(socket, 'open'))
  const closed = once(socket, 'close')
  const begin = async (path: string) => {
    const request = open(world, 'demo', path)
    request.end()
    return responseOf(request)
  }
  const [ends, lasts] = [await begin('/ends'), await begin('/lasts')]
  lasts.on('error', () => {})
  const kept = new RawVisitor(world)
  kept.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  await kept.until((received) => received.endsWith('hello'))

  const old = world.server
  await world.startServer()
  old.kill('SIGTERM')
  await old.waitFor(/shutting down/)
  kept.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  await kept.until((received) => /Connection: close\r\n\r\nhello$/s.test(received))
  await echoes(socket)
  await world.server.waitFor(/tunnel open.*tunnel open/s)
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  finish()
  assert.equal(String(await readAll(ends)), 'begun and ended')
  await echoes(socket)

  assert.deepEqual((await within('the WebSocket closes', closed))[0], 1012)
  await eventually('the app hears it', () => heard.length === 1)
  assert.deepEqual(heard, [1012])
  await assert.rejects(within('what goes on and on breaks', readAll(lasts)), /aborted|ECONNRESET/)
  assert.equal(await old.exitCode(), 0)
  const again = chat()
  await within('a WebSocket opens', once(again, 'open'))
  await echoes(again)
  again.close()
  assert.ok(agent.running)
  assert.equal(agent.stdout.trim().split('\n').length, 1, 'the URL is printed once')
})

test('a visitor who comes while no server runs is answered by the next one, under the name that was kept', async () => {
  await using world = await startWorld(['--drain', '0'])
  await world.agent('demo', await world.app((_, response) => void response.end('hello')))
  world.server.kill('SIGTERM')
  assert.equal(await world.server.exitCode(), 0)
  const early = [1, 2, 3].map(() => visit(world, 'demo', '/'))
  const stranger = visit(world, 'nobody', '/')
  await world.startServer()
  for (const answer of await Promise.all(early)) assert.equal(answer.text, 'hello')
  assert.equal((await stranger).status, 404)
})

test('what is passed on and is no socket that listens ends the server at once, saying so', async () => {
  await using world = await World.create()
  const script = 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3</dev/null'
  const server = world.run(serverBin, [], {}, ['sh', '-c', script, 'sh'])
  assert.equal(await server.exitCode(), 78)
  assert.match(server.stderr, /LISTEN_FDS: file descriptor 3 is no TCP socket that listens/)
})
