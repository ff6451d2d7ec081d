import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import https from 'node:https'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { selfSigned } from './support/certificate.js'
import { Cutter } from './support/cutter.js'
import { answerWithHash, sha } from './support/hash.js'
import { eventually, type Running } from './support/process.js'
import { SocketUnit } from './support/socket-unit.js'
import { open, RawVisitor, readAll, responseOf, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { type AgentSettings, type ServerSettings, serverBin, World } from './support/world.js'

const MIB = 1024 * 1024
const WORKERS = 3
const NOBODY_LISTENS = 1

/** What the server has logged, of all its processes. */
function logOf(world: World): Array<Record<string, unknown>> {
  return world.server.stdout
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Process ids of the workers that have begun, by their number; the newest of each. */
function pidsOf(world: World): Map<number, number> {
  const ready = logOf(world).filter(({ msg }) => msg === 'worker is ready')
  return new Map(ready.map(({ worker, pid }) => [worker as number, pid as number]))
}

/** Workers that have an agent's link for `name`. */
function workersWith(world: World, name: string): number[] {
  return logOf(world)
    .filter(({ msg, tunnel }) => msg === 'tunnel open' && tunnel === name)
    .map(({ worker }) => worker as number)
}

async function startWorld({ args = [], ...settings }: ServerSettings = {}): Promise<World> {
  const world = await World.create()
  await world.startServer(0, { ...settings, args: ['--workers', String(WORKERS), '--access-log', ...args] })
  return world
}

const oneLink = ({ args = [], ...settings }: AgentSettings = {}): AgentSettings => ({
  ...settings,
  args: ['--links', '1', ...args],
})

/** Do `what` until every worker has served a request for `name`, however visitors are dealt out. */
async function throughEachWorker(world: World, name: string, what: () => Promise<void>): Promise<void> {
  const from = logOf(world).length
  await eventually(`each worker has served ${name}`, async () => {
    await what()
    const served = logOf(world)
      .slice(from)
      .filter(({ msg, host }) => msg === 'served' && String(host).startsWith(name))
    return new Set(served.map(({ worker }) => worker)).size === WORKERS
  })
}

test('a tunnel on one link is served through every worker; an agent has a link to as many as there are; health counts all', async () => {
  await using world = await startWorld()
  const app = await world.app((request, response) => void response.end(`hello ${request.headers.host}`))
  await world.agent('one', app, oneLink())
  await world.agent('many', app)
  await eventually('all links are up', () => workersWith(world, 'many').length === WORKERS)
  assert.deepEqual(workersWith(world, 'many').sort(), [1, 2, 3], 'each with a worker of its own')
  for (const name of ['one', 'many']) {
    await throughEachWorker(world, name, async () => {
      const { status, text } = await visit(world, name, '/')
      assert.deepEqual([status, text], [200, `hello ${name}.localhost:${world.port}`])
    })
  }
  const health = (await (await fetch(`${world.url}/api/health`)).json()) as Record<string, unknown>
  assert.deepEqual([health.tunnels, health.sessions], [2, 4])
  assert.equal((await visit(world, 'nobody', '/')).status, 404)
})

test('an app that is down is asked for once, not again through each worker that has a link of its agent', async () => {
  await using world = await startWorld()
  await world.agent('down', NOBODY_LISTENS, { args: ['--wait-for-origin', '0'] })
  await eventually('all links are up', () => workersWith(world, 'down').length === WORKERS)
  for (let i = 0; i < 2 * WORKERS; i++) assert.equal((await visit(world, 'down', '/')).status, 502)
  await eventually('all are logged', () => logOf(world).filter(({ status }) => status === 502).length === 2 * WORKERS)
  assert.deepEqual(
    logOf(world).filter(({ msg }) => msg === 'passed on'),
    [],
  )
})

test('connections that alternate between tunnels, WebSockets and uploads do not care where the agent is', async () => {
  await using world = await startWorld()
  const app = await world.app(async (request, response) => {
    if (request.method === 'POST') response.end(sha(await readAll(request)))
    else response.end(`${request.headers.host}${request.url}.`)
  })
  for (const name of ['a', 'b', 'c']) await world.agent(name, app, oneLink())
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  world.onLeave(async () => void sockets.close())
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)))
  await world.agent('chat', (sockets.address() as { port: number }).port, oneLink())

  for (let i = 0; i < WORKERS; i++) {
    const kept = new RawVisitor(world)
    const order = ['a', 'b', 'c', 'b', 'a', 'c']
    const requests = order.map((name, i) => `GET /${i} HTTP/1.1\r\nHost: ${name}.localhost\r\n\r\n`)
    kept.send(requests.join(''))
    const answers = order.map((name, i) => `${name}.localhost/${i}.`)
    const received = await kept.until((text) => text.includes(answers.at(-1)!))
    assert.deepEqual(received.match(/[abc]\.localhost\/\d\./g), answers)
    kept.socket.destroy()
  }
  await throughEachWorker(world, 'a', async () => {
    const body = Buffer.alloc(3 * MIB, 'an upload, whose first bytes come with its head; ')
    assert.equal((await visit(world, 'a', '/', { method: 'POST', body })).text, sha(body))
  })
  for (let i = 0; i < WORKERS; i++) {
    const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: 'chat.localhost' } })
    await within('a WebSocket opens', once(socket, 'open'))
    for (const word of ['one', 'two']) {
      socket.send(word)
      assert.equal(String((await within('an echo', once(socket, 'message')))[0]), `echo ${word}`)
    }
    socket.close()
    await within('a WebSocket closes', once(socket, 'close'))
  }
})

test('after an upgrade each side ends for itself, in whatever worker they are', async () => {
  await using world = await startWorld()
  const app = await world.rawApp((socket) => {
    socket.once('data', () => socket.write('HTTP/1.1 101 Go On\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'))
    socket.on('end', () => socket.end('and bye'))
    socket.on('error', () => {}).resume()
  })
  await world.agent('demo', app, oneLink())
  for (let i = 0; i < WORKERS; i++) {
    const visitor = new RawVisitor(world)
    visitor.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    await visitor.until((received) => received.endsWith('\r\n\r\n'))
    visitor.socket.end()
    await visitor.until((received) => received.endsWith('and bye'))
    assert.equal(await visitor.closed(), 'ended')
  }
})

test('a request that goes through two workers can be followed in the logs of both, and in that of the agent', async () => {
  await using world = await startWorld()
  const app = await world.app((_, response) => void response.end('hello'))
  const agent = await world.agent('demo', app, oneLink({ args: ['--print-requests'] }))
  const [home] = workersWith(world, 'demo')
  await throughEachWorker(world, 'demo', async () => void (await visit(world, 'demo', '/')))
  const log = logOf(world)
  const crossed = log.filter(({ msg, worker }) => msg === 'served' && worker !== home)
  assert.ok(crossed.length > 0)
  for (const { request, worker } of crossed) {
    const relayed = log.find((line) => line.as === request && line.for === worker && line.worker === home)
    assert.match(agent.stderr, new RegExp(`"request":"${relayed?.request}"`))
  }
})

test('an agent whose link is cut comes back to its session, whichever worker its next link leads to', async () => {
  await using world = await startWorld()
  const cutter = await Cutter.start(world)
  const whole = Buffer.alloc(32 * MIB, 'something that has an order: 0123456789abcdefghijklmnopqrstuvwxyz ')
  const app = await world.app((request, response) => {
    if (request.url === '/down') response.end(whole)
    else answerWithHash(request, response)
  })
  await world.agent('demo', app, oneLink({ env: { TUNNEL_SERVER: cutter.url } }))
  let done = false
  const transfers = (async () => {
    for (let i = 0; i < WORKERS; i++) {
      const down = responseOf(open(world, 'demo', '/down').end()).then(readAll)
      const up = visit(world, 'demo', '/up', { method: 'PUT', body: whole })
      assert.equal(sha(await down), sha(whole))
      assert.equal((await up).text, sha(whole))
    }
  })().finally(() => {
    done = true
  })
  let cuts = 0
  while (!done || cuts < 2 * WORKERS) {
    const before = cutter.count
    cutter.cut()
    cuts++
    await eventually('the agent is back', () => cutter.count > before)
    await eventually('it goes on', async () => done || (await visit(world, 'demo', '/')).status === 200)
  }
  await transfers
  assert.equal(workersWith(world, 'demo').length, 1, 'each new link resumed the session')
})

test('over TLS, where connections can not change hands, a link that leads to another worker goes on through it', async () => {
  await using world = await World.create()
  const [cert, key] = [world.path('tls.crt'), world.path('tls.key')]
  writeFileSync(cert, selfSigned.cert)
  writeFileSync(key, selfSigned.key)
  const args = ['--workers', String(WORKERS), '--access-log', '--tls-cert', cert, '--tls-key', key]
  await world.startServer(0, { args })
  const cutter = await Cutter.start(world)
  const env = { TUNNEL_SERVER: cutter.url.replace('http:', 'https:'), NODE_EXTRA_CA_CERTS: cert }
  const whole = Buffer.alloc(4 * MIB, 'through TLS, in order: 0123456789abcdefghijklmnopqrstuvwxyz ')
  const goOn: Array<() => void> = []
  const app = await world.app((request, response) => {
    if (request.url === '/') return void response.end('hello')
    response.write(whole.subarray(0, MIB))
    goOn.push(() => void response.end(whole.subarray(MIB)))
  })
  await world.agent('demo', app, oneLink({ env }))
  const ask = async (path: string) => {
    const request = https.request({
      host: '127.0.0.1',
      port: world.port,
      path,
      headers: { host: 'demo.localhost' },
      agent: false,
      rejectUnauthorized: false,
    })
    request.end()
    return responseOf(request)
  }
  await throughEachWorker(world, 'demo', async () => assert.equal(String(await readAll(await ask('/'))), 'hello'))
  const answers = await Promise.all(Array.from({ length: WORKERS }, () => ask('/down')))
  for (let i = 0; i < 2 * WORKERS; i++) {
    const before = cutter.count
    cutter.cut()
    await eventually('the agent is back', () => cutter.count > before)
    await eventually('it goes on', async () => String(await readAll(await ask('/'))) === 'hello')
  }
  for (const go of goOn) go()
  for (const answer of answers) assert.equal(sha(await readAll(answer)), sha(whole))
  assert.equal(workersWith(world, 'demo').length, 1, 'each new link resumed the session')
})

test('a worker that is killed takes its own connections with it and nothing else, and another one takes its place', async () => {
  await using world = await startWorld()
  const app = await world.app((request, response) => void response.end(`hello ${request.url}.`))
  const agent = await world.agent('demo', app, oneLink())
  const [home] = workersWith(world, 'demo')
  const visitors = Array.from({ length: 3 * WORKERS }, () => new RawVisitor(world))
  const ask = async (visitor: RawVisitor, path: string) => {
    visitor.send(`GET ${path} HTTP/1.1\r\nHost: demo.localhost\r\n\r\n`)
    await visitor.until((received) => received.includes(`hello ${path}.`))
  }
  await Promise.all(visitors.map((visitor, i) => ask(visitor, `/${i}`)))
  const workerOf = await eventually('all are logged', () => {
    const served = logOf(world).filter(({ msg }) => msg === 'served')
    return served.length === visitors.length && new Map(served.map(({ target, worker }) => [target, worker as number]))
  })
  const victim = [1, 2, 3].find((worker) => worker !== home)!
  const [lost, kept] = [true, false].map((isLost) =>
    visitors.map((_, i) => i).filter((i) => (workerOf.get(`/${i}`) === victim) === isLost),
  ) as [number[], number[]]
  assert.ok(lost.length > 0 && kept.length > 0)
  process.kill(pidsOf(world).get(victim)!, 'SIGKILL')
  for (const i of lost) await within('the connections of the worker end', visitors[i]!.closed())
  await Promise.all(kept.map((i) => ask(visitors[i]!, `/${i}/again`)))
  await eventually(
    'another one is there',
    () => logOf(world).filter(({ msg }) => msg === 'worker is ready').length === 4,
  )
  await throughEachWorker(world, 'demo', async () => assert.equal((await visit(world, 'demo', '/')).status, 200))

  process.kill(pidsOf(world).get(home!)!, 'SIGKILL')
  await eventually('the agent has come back', () => workersWith(world, 'demo').length === 2)
  await throughEachWorker(world, 'demo', async () => assert.equal((await visit(world, 'demo', '/')).status, 200))
  assert.ok(agent.running && world.server.running)
  const health = (await (await fetch(`${world.url}/api/health`)).json()) as Record<string, unknown>
  assert.deepEqual([health.tunnels, health.sessions], [1, 1], 'nothing is left of what it had')
  assert.match(world.server.stdout, /"a worker has ended, another one is started"/)
})

test('a worker that does nothing any more is replaced like one that has ended', async () => {
  await using world = await startWorld()
  await world.agent('demo', await world.app((_, response) => void response.end('hello')))
  const stuck = pidsOf(world).get(2)!
  process.kill(stuck, 'SIGSTOP')
  await world.server.waitFor(/"a worker has ended, another one is started"/)
  await eventually('another one is there', () => pidsOf(world).get(2) !== stuck)
  await throughEachWorker(world, 'demo', async () => assert.equal((await visit(world, 'demo', '/')).status, 200))
})

test('when the main process is killed, its workers end', async () => {
  await using world = await startWorld()
  const pids = [...pidsOf(world).values()]
  assert.equal(pids.length, WORKERS)
  world.server.kill('SIGKILL')
  await eventually('they are gone', () =>
    pids.every((pid) => {
      try {
        return !process.kill(pid, 0)
      } catch {
        return true
      }
    }),
  )
})

test('names are decided in one place: one of several wins, --force takes over and --pool joins, on whatever worker they are', async () => {
  await using world = await startWorld()
  const say = (text: string) => world.app((_, response) => void response.end(text))
  const first = await say('first')
  const agents = Array.from({ length: 2 * WORKERS }, () =>
    world.tunnel(['-p', String(first), '-s', 'demo', '--links', '1']),
  )
  const running = () => agents.filter((agent) => agent.running)
  await eventually('one is left', () => running().length === 1)
  const [winner] = running() as [Running]
  await winner.waitFor(/^http/, 'stdout')
  for (const loser of agents) if (loser !== winner) assert.equal(await loser.exitCode(), 73)

  const pooled = ['--pool', '--links', '1']
  await world.agent('demo', await say('second'), { args: [...pooled, '--force'] })
  assert.equal(await winner.exitCode(), 73)
  await world.agent('demo', await say('third'), { args: pooled })
  await world.agent('demo', await say('fourth'), { args: pooled })
  const seen = new Set<string>()
  await eventually('all three serve', async () => {
    const { status, text } = await visit(world, 'demo', '/')
    assert.equal(status, 200)
    seen.add(text)
    return seen.size === 3
  })
  assert.ok(!seen.has('first'))
})

test('a request for a tunnel whose agent is away waits in any worker, and goes on wherever the agent comes back', async () => {
  await using world = await startWorld()
  const cutter = await Cutter.start(world)
  const app = await world.app((_, response) => void response.end('hello'))
  await world.agent('demo', app, oneLink({ env: { TUNNEL_SERVER: cutter.url } }))
  cutter.closed = true
  cutter.cut()
  await world.server.waitFor(/agent lost its connection/)
  const waiting = Array.from({ length: 2 * WORKERS }, (_, i) =>
    visit(world, 'demo', '/', i % 2 === 0 ? {} : { method: 'POST', body: 'x'.repeat(100_000) }),
  )
  cutter.closed = false
  for (const answer of await Promise.all(waiting)) assert.equal(answer.text, 'hello')
})

test('SIGHUP reaches all workers, and those that begin later', async () => {
  await using world = await World.create()
  const config = world.path('tunnel.yaml')
  const write = (settings: string) => writeFileSync(config, `workers: ${WORKERS}\naccess-log: true\n${settings}`)
  write('tokens: [alice, bob]\nmax-url-bytes: 64\n')
  await world.startServer(0, { args: ['--config', config] })
  const app = await world.app((_, response) => void response.end('hello'))
  await world.agent('demo', app, { env: { TUNNEL_TOKEN: 'alice' } })
  const bob = await world.agent('other', app, { env: { TUNNEL_TOKEN: 'bob' } })
  const long = `/${'x'.repeat(100)}`
  assert.equal((await visit(world, 'demo', long)).status, 414)
  write('tokens: [alice]\nmax-url-bytes: 1k\n')
  world.server.kill('SIGHUP')
  await world.server.waitFor(/configuration read again"/)
  assert.equal(await bob.exitCode(), 77)
  await eventually('no worker refuses it any more', async () => {
    for (let i = 0; i < 2 * WORKERS; i++) if ((await visit(world, 'demo', long)).status !== 200) return false
    return true
  })
  process.kill(pidsOf(world).get(1)!, 'SIGKILL')
  await eventually(
    'another one is there',
    () => logOf(world).filter(({ msg }) => msg === 'worker is ready').length === 4,
  )
  await throughEachWorker(world, 'demo', async () => assert.equal((await visit(world, 'demo', long)).status, 200))

  write('tokens: [alice]\nmax-url-bytes: 1\n')
  world.server.kill('SIGHUP')
  await world.server.waitFor(/everything stays as it was/)
  assert.equal((await visit(world, 'demo', long)).status, 200)
})

test('a restart in order, on an inherited socket: what is open ends on the old workers, everything else goes to the new ones', async () => {
  await using world = await World.create()
  const socketUnit = new SocketUnit()
  world.onLeave(async () => socketUnit.close())
  await world.startServer(socketUnit.port, { args: ['--workers', String(WORKERS)], socketUnit })
  const finish: Array<() => void> = []
  const app = await world.app((request, response) => {
    if (request.url === '/') response.end('hello')
    else {
      response.write('begun ')
      finish.push(() => void response.end('and ended'))
    }
  })
  const agent = await world.agent('demo', app, oneLink())
  const answers = await Promise.all([1, 2, 3].map(() => responseOf(open(world, 'demo', '/slow').end())))
  const old = world.server
  await world.startServer()
  old.kill('SIGTERM')
  await old.waitFor(/shutting down/)
  await world.server.waitFor(/tunnel open/)
  for (let i = 0; i < 2 * WORKERS; i++) assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  assert.ok(old.running)
  for (const end of finish) end()
  for (const answer of answers) assert.equal(String(await readAll(answer)), 'begun and ended')
  assert.equal(await old.exitCode(), 0)
  assert.ok(agent.running)
  assert.equal(agent.stdout.trim().split('\n').length, 1, 'the URL is printed once')
})

test('workers are from 1 to 32, or as many as there are cores; a port that is taken ends the server, workers and all', async () => {
  await using world = await World.create()
  for (const workers of ['0', '33', 'two']) {
    const server = world.run(serverBin, ['--workers', workers])
    assert.equal(await server.exitCode(), 78)
    assert.match(server.stderr, /--workers: expected a whole number from 1 to 32, or auto/)
  }
  const taken = await world.rawApp(() => {})
  const server = world.run(serverBin, ['--workers', '2', '--host', '127.0.0.1', '-p', String(taken)])
  assert.equal(await server.exitCode(), 78)
  assert.match(server.stderr, /is in use/)
})
