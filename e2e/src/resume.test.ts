import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { Cutter } from './support/cutter.js'
import { answerWithHash, sha } from './support/hash.js'
import { BareLink, control, openBareLink } from './support/link.js'
import { eventually, type Running } from './support/process.js'
import { downloadOutlivesSilence } from './support/silence.js'
import { open, RawVisitor, readAll, responseOf, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

const MIB = 1024 * 1024

/** Bytes that look different everywhere, and are the same every time. */
function pattern(bytes: number): Buffer {
  const out = Buffer.alloc(bytes)
  for (let i = 0; i < bytes; i += 4) out.writeUInt32LE((Math.imul(i, 2_654_435_761) ^ (i >>> 11)) >>> 0, i)
  return out
}

test('a link that is cut a hundred times is a pause: transfers arrive whole, messages once and in order, no request fails', async () => {
  await using world = await World.start()
  const cutter = await Cutter.start(world)
  const whole = pattern(64 * MIB)
  const app = await world.app((request, response) => {
    if (request.url === '/down') response.end(whole)
    else if (request.method === 'PUT') answerWithHash(request, response)
    else response.end('hello')
  })
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)))
  world.onLeave(async () => {
    for (const client of sockets.clients) client.terminate()
    sockets.close()
  })
  const env = { TUNNEL_SERVER: cutter.url }
  const agents = [
    await world.agent('demo', app, { env }),
    await world.agent('chat', (sockets.address() as { port: number }).port, { env }),
  ]

  let over = false
  const cuts = (async () => {
    // An agent that is cut while it dials waits longer and longer: the next cut comes when both are online.
    const timesBack = ({ output }: Running) => output.split('online again').length - 1
    for (let i = 1; i <= 100; i++) {
      const before = agents.map(timesBack)
      cutter.cut()
      await eventually(`both agents are back after cut ${i}`, () =>
        agents.every((agent, index) => timesBack(agent) > before[index]!),
      )
    }
    over = true
  })()
  const transfers = async () => {
    const down = responseOf(open(world, 'demo', '/down').end()).then(readAll)
    const up = visit(world, 'demo', '/up', { method: 'PUT', body: whole })
    assert.equal(sha(await down), sha(whole))
    assert.equal((await up).text, sha(whole))
  }
  const requests = async () => {
    const { status, text } = await visit(world, 'demo', '/')
    assert.deepEqual([status, text], [200, 'hello'])
  }
  const repeat = async (what: () => Promise<void>) => {
    let times = 0
    do {
      await what()
      times++
    } while (!over)
    return times
  }
  const talk = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: `chat.localhost:${world.port}` } })
    await within('a WebSocket opens', once(socket, 'open'))
    const heard: string[] = []
    socket.on('message', (data) => heard.push(String(data)))
    let sent = 0
    await repeat(async () => {
      socket.send(String(sent++))
      await eventually('an echo', () => heard.length === sent)
    })
    assert.deepEqual(
      heard,
      Array.from({ length: sent }, (_, i) => `echo ${i}`),
    )
    socket.close()
    await within('a WebSocket closes', once(socket, 'close'))
  }
  const [asked] = await Promise.all([repeat(requests), repeat(transfers), ...Array.from({ length: 5 }, talk), cuts])
  assert.ok(asked > 10)
  for (const agent of agents) assert.ok(agent.running)
  assert.equal(world.server.output.split('tunnel open').length - 1, 2, 'each new link resumed a session')
})

test('a link that falls silent without a word is noticed by both sides, and a download goes on', () =>
  downloadOutlivesSilence(['--ping-interval', '200ms', '--ping-deadline', '300ms']))

test('while the agent has no link a new request waits, and is answered when it has one again', async () => {
  await using world = await World.start()
  const cutter = await Cutter.start(world)
  await world.agent('demo', await world.app((_, response) => void response.end('hello')), {
    env: { TUNNEL_SERVER: cutter.url },
  })
  cutter.closed = true
  cutter.cut()
  await world.server.waitFor(/agent lost its connection/)
  const waiting = [1, 2, 3].map(() => visit(world, 'demo', '/', { method: 'POST', body: 'x'.repeat(100_000) }))
  const parked = new RawVisitor(world)
  parked.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\nGET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  cutter.closed = false
  for (const answer of await Promise.all(waiting)) assert.equal(answer.text, 'hello')
  await parked.until((received) => received.split('200 OK').length === 3)
})

test('a request that has waited long enough gets 503 with Retry-After; one too many gets it at once', async () => {
  await using world = await World.start({ args: ['--park', '2s', '--max-parked', '1'] })
  const agent = await world.agent('demo', await world.app((_, response) => void response.end('hello')))
  agent.kill('SIGKILL')
  await world.server.waitFor(/agent lost its connection/)
  const first = visit(world, 'demo', '/')
  const second = await visit(world, 'demo', '/')
  for (const answer of [second, await first]) {
    assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '1'])
    assert.equal(answer.headers['x-tunnel-error'], 'TUN_ERR_TUNNEL_OFFLINE')
  }
})

test('a request that waits is served by the agent that comes back, also when it is a new process', async () => {
  await using world = await World.start()
  const state = world.newState()
  const app = await world.app((_, response) => void response.end('hello'))
  const agent = await world.agent('demo', app, { state })
  agent.kill('SIGKILL')
  await world.server.waitFor(/agent lost its connection/)
  const waiting = visit(world, 'demo', '/')
  await world.agent('demo', app, { state })
  assert.equal((await waiting).text, 'hello')
})

test('when the grace is over, what was open breaks, and the agent begins anew', async () => {
  await using world = await World.start({ args: ['--resume-grace', '500ms'] })
  const cutter = await Cutter.start(world)
  const app = await world.app((request, response) => {
    if (request.url === '/') response.end('hello')
    else response.write('never complete')
  })
  const agent = await world.agent('demo', app, { env: { TUNNEL_SERVER: cutter.url } })
  const visitor = new RawVisitor(world)
  visitor.send('GET /long HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  await visitor.until((received) => received.includes('never complete'))
  cutter.closed = true
  cutter.cut()
  assert.equal(await within('the visitor learns', visitor.closed()), 'broken')
  cutter.closed = false
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  assert.ok(agent.running)
})

test('with no grace at all, what is open breaks with its link', async () => {
  await using world = await World.start({ args: ['--resume-grace', '0'] })
  const cutter = await Cutter.start(world)
  const app = await world.app((request, response) => {
    if (request.url === '/') response.end('hello')
    else response.write('never complete')
  })
  await world.agent('demo', app, { env: { TUNNEL_SERVER: cutter.url } })
  const visitor = new RawVisitor(world)
  visitor.send('GET /long HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  await visitor.until((received) => received.includes('never complete'))
  cutter.cut()
  assert.equal(await within('the visitor learns', visitor.closed()), 'broken')
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  assert.equal(world.server.output.split('tunnel open').length - 1, 2)
})

test('a session is resumed by its secret only: whoever knows no more than its id is sent away and disturbs nothing', async () => {
  await using world = await World.start()
  const rightful = await openBareLink(world)
  rightful.send(control({ type: 'hello', binds: [{ tunnel: 1, name: 'demo' }] }))
  const welcome = await eventually('the welcome', () => rightful.controls().find(({ type }) => type === 'welcome'))
  await eventually('the name', () => rightful.controls().some(({ type }) => type === 'bound'))
  for (const secret of ['', 'x', `${String(welcome.secret).slice(0, -1)}?`]) {
    const thief = await openBareLink(world)
    thief.send(control({ type: 'resume', session: welcome.session, secret, attempt: 1, received: 0 }))
    await thief.closed()
    assert.equal(thief.goneAway?.words, 'the session is over')
  }
  assert.equal(rightful.socket.readyState, WebSocket.OPEN)

  const next = await openBareLink(world)
  const resume = { type: 'resume', session: welcome.session, secret: welcome.secret, received: 0 }
  next.send(control({ ...resume, attempt: 2 }))
  await eventually('the answer', () => next.controls().some(({ type }) => type === 'resumed'))
  await rightful.closed()
  assert.ok(
    next.controls().some(({ type }) => type === 'welcome'),
    'what the old link had said is said again',
  )

  for (const attempt of [1, 2]) {
    const late = await openBareLink(world)
    late.send(control({ ...resume, attempt }))
    await late.closed()
    assert.equal(next.socket.readyState, WebSocket.OPEN, 'an attempt that comes late does not touch the newer link')
  }

  const liar = await openBareLink(world)
  liar.send(control({ ...resume, attempt: 3, received: 2 ** 40 }))
  await liar.closed()
  assert.ok(liar instanceof BareLink && world.server.running)
})

test('a session without a name ends with its link, and one that lies about what it got counts no more', async () => {
  await using world = await World.start({ args: ['--max-sessions-per-account', '1'], env: { TUNNEL_TOKENS: 'alice' } })
  const enter = async (binds: object[]) => {
    const link = await openBareLink(world)
    link.send(control({ type: 'hello', token: 'alice', binds }))
    const welcome = await eventually('the welcome', () => link.controls().find(({ type }) => type === 'welcome'))
    return { link, welcome }
  }
  const resume = async ({ session, secret }: Record<string, unknown>, received: number) => {
    const link = await openBareLink(world)
    link.send(control({ type: 'resume', session, secret, attempt: 1, received }))
    await link.closed()
    return link
  }
  const nameless = await enter([])
  nameless.link.socket.terminate()
  await world.server.waitFor(/agent gone/)
  assert.equal((await resume(nameless.welcome, 0)).goneAway?.words, 'the session is over')

  const liar = await enter([{ tunnel: 1, name: 'demo' }])
  await resume(liar.welcome, 2 ** 40)
  await liar.link.closed()
  const next = await enter([{ tunnel: 1, name: 'other' }])
  await eventually('there is room for another one', () => next.link.controls().some(({ type }) => type === 'bound'))
})
