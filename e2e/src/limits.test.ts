import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type Socket } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { eventually } from './support/process.js'
import { open, RawVisitor, readAll, responseOf, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

const head = (lines: string) => `${lines}Host: demo.localhost\r\n`

test('a request over a limit gets its status and a code, on a connection that ends; the app never hears of it', async () => {
  const args = ['--max-headers', '10', '--max-url-bytes', '100', '--max-header-bytes', '2k', '--max-body-bytes', '1k']
  await using world = await World.start({ args: [...args, '--head-timeout', '1s'] })
  const seen: string[] = []
  const app = await world.app((request, response) => {
    seen.push(request.url!)
    request.resume().on('end', () => response.end('ok'))
  })
  await world.agent('demo', app)
  const rows: Array<[what: string, request: string, status: number, code: string]> = [
    ['eleven header lines', head(`GET /a HTTP/1.1\r\n${'X: y\r\n'.repeat(10)}`), 431, 'TUN_ERR_HEAD_TOO_LARGE'],
    ['a head of 3 KiB', head(`GET /b HTTP/1.1\r\nX: ${'y'.repeat(3_000)}\r\n`), 431, 'TUN_ERR_HEAD_TOO_LARGE'],
    ['a target of 101 bytes', head(`GET /${'c'.repeat(100)} HTTP/1.1\r\n`), 414, 'TUN_ERR_URI_TOO_LONG'],
    ['a target without end', `GET /${'d'.repeat(5_000)}`, 414, 'TUN_ERR_URI_TOO_LONG'],
    ['an announced body', head('POST /e HTTP/1.1\r\nContent-Length: 1025\r\n'), 413, 'TUN_ERR_BODY_TOO_LARGE'],
    ['half a head', 'GET /f HTTP/1.1\r\nHo', 408, 'TUN_ERR_REQUEST_TIMEOUT'],
    ['nothing', '', 408, 'TUN_ERR_REQUEST_TIMEOUT'],
  ]
  await Promise.all(
    rows.map(async ([what, request, status, code]) => {
      const visitor = new RawVisitor(world)
      visitor.send(request.endsWith('\r\n') ? `${request}\r\n` : request)
      assert.equal(await within(`the end of ${what}`, visitor.closed()), 'ended', what)
      assert.match(visitor.received, new RegExp(`^HTTP/1\\.1 ${status} `), what)
      assert.match(visitor.received, new RegExp(`\r\nX-Tunnel-Error: ${code}\r\n`), what)
      assert.match(visitor.received, /\r\nConnection: close\r\n/, what)
    }),
  )
  assert.deepEqual(seen, [])

  assert.equal((await visit(world, 'demo', '/fits', { method: 'POST', body: 'x'.repeat(1_024) })).text, 'ok')
  const found = await visit(world, 'demo', '/chunked', {
    method: 'POST',
    headers: { 'transfer-encoding': 'chunked' },
    body: 'x'.repeat(1_025),
  })
  assert.deepEqual([found.status, found.headers['x-tunnel-error']], [413, 'TUN_ERR_BODY_TOO_LARGE'])
  assert.equal((await visit(world, 'demo', `/${'g'.repeat(99)}`)).text, 'ok')
})

test('a visitor who expects 100 is told 413 before it has sent a byte', async () => {
  await using world = await World.start({ args: ['--max-body-bytes', '1k'] })
  await world.agent('demo', await world.app((_, response) => void response.end()))
  const request = open(world, 'demo', '/', {
    method: 'PUT',
    headers: { expect: '100-continue', 'content-length': 5_000 },
  })
  let continued = false
  request.on('continue', () => {
    continued = true
  })
  request.flushHeaders()
  const answer = await within('an answer', responseOf(request))
  assert.deepEqual([answer.statusCode, continued], [413, false])
  request.destroy()
})

test('a visitor, and a tunnel, carry so many requests at once, and nobody else is touched', async () => {
  await using world = await World.start({
    args: ['--max-streams-per-visitor', '3', '--max-streams-per-tunnel', '4', '--trust-proxy', '127.0.0.1'],
  })
  const waiting: Array<() => void> = []
  const app = await world.app((request, response) => {
    if (request.url === '/wait') waiting.push(() => response.end('done'))
    else response.end('at once')
  })
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  world.onLeave(async () => {
    for (const client of sockets.clients) client.terminate()
    sockets.close()
  })
  await world.agent('demo', app)
  await world.agent('other', app)
  await world.agent('chat', (sockets.address() as { port: number }).port)
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } })
  const wait = async (name: string, address: string) =>
    readAll(await responseOf(open(world, name, '/wait', from(address)).end()))
  const get = async (name: string, address: string) => {
    const { status, headers } = await visit(world, name, '/', from(address))
    return [status, headers['x-tunnel-error'], headers['retry-after']]
  }
  const fine = [200, undefined, undefined]
  const visitorIsFull = [429, 'TUN_ERR_TOO_MANY_REQUESTS', '1']
  const tunnelIsFull = [503, 'TUN_ERR_TOO_MANY_STREAMS', '1']

  const chat = new WebSocket(`ws://127.0.0.1:${world.port}/`, {
    headers: { host: `chat.localhost:${world.port}`, 'x-forwarded-for': '198.51.100.1' },
  })
  await within('the WebSocket', once(chat, 'open'))
  const held = [wait('demo', '198.51.100.1'), wait('demo', '198.51.100.1')]
  await eventually('two requests wait', () => waiting.length === 2)
  assert.deepEqual(await get('demo', '198.51.100.1'), visitorIsFull)
  assert.deepEqual(await get('other', '198.51.100.1'), visitorIsFull)
  assert.deepEqual(await get('demo', '198.51.100.2'), fine)

  held.push(wait('demo', '198.51.100.2'), wait('demo', '198.51.100.3'))
  await eventually('four requests wait', () => waiting.length === 4)
  assert.deepEqual(await get('demo', '198.51.100.4'), tunnelIsFull)
  assert.deepEqual(await get('other', '198.51.100.4'), fine)

  waiting.pop()!()
  await Promise.race(held)
  assert.deepEqual(await get('demo', '198.51.100.4'), fine)
  chat.close()
  await within('the end of the WebSocket', once(chat, 'close'))
  await eventually('the visitor has room again', async () => (await get('other', '198.51.100.1'))[0] === 200)
  for (const answer of waiting) answer()
  for (const body of await Promise.all(held)) assert.equal(body.toString(), 'done')
})

test('a visitor who stands still is given up: 408 for a body that does not come, the rest goes on', async () => {
  await using world = await World.start({ args: ['--visitor-timeout', '1s'] })
  let gone = 0
  const app = await world.app((request, response) => {
    if (request.url === '/wait') setTimeout(() => response.end('waited'), 4_000)
    else request.on('error', () => gone++).resume()
  })
  await world.agent('demo', app)
  const patient = visit(world, 'demo', '/wait')
  const lazy = new RawVisitor(world)
  lazy.send(`${head('POST /lazy HTTP/1.1\r\nContent-Length: 10\r\n')}\r\n12345`)
  await within('the end', lazy.closed())
  assert.match(lazy.received, /^HTTP\/1\.1 408 .*X-Tunnel-Error: TUN_ERR_REQUEST_TIMEOUT\r\n/s)
  await eventually('the app hears that nothing more comes', () => gone === 1)
  assert.equal((await patient).text, 'waited')
})

test('an account has so many agents and so many tunnels; one more is told so and ends, another account goes on', async () => {
  await using world = await World.start({
    args: ['--max-sessions-per-account', '2', '--max-tunnels-per-account', '1', '--lease', '0'],
    env: { TUNNEL_TOKENS: 'alice,bob' },
  })
  const app = await world.app((_, response) => void response.end('ok'))
  const alice = { env: { TUNNEL_TOKEN: 'alice' } }
  const first = await world.agent('one', app, alice)
  const second = world.tunnel(['-p', String(app), '-s', 'two'], alice)
  assert.equal(await second.exitCode(), 75, second.output)
  assert.match(second.stderr, /your account holds as many tunnels as it may here \(1\)\n/)
  await world.agent('three', app, { env: { TUNNEL_TOKEN: 'bob' } })
  assert.equal((await visit(world, 'three', '/')).text, 'ok')

  first.kill()
  await first.exitCode()
  await world.agent('two', app, alice)
  assert.equal((await visit(world, 'two', '/')).text, 'ok')
})

test('an agent that lost its link gets in again, although the server still believes in its old session', async () => {
  await using world = await World.start({ args: ['--max-sessions-per-account', '1'], env: { TUNNEL_TOKENS: 'alice' } })
  const app = await world.app((_, response) => void response.end('ok'))
  const agentEnds: Socket[] = []
  const between = net.createServer((agentEnd) => {
    agentEnds.push(agentEnd)
    const serverEnd = net.connect(world.port, '127.0.0.1')
    agentEnd.on('data', (bytes) => serverEnd.write(bytes)).on('error', () => {})
    serverEnd.on('data', (bytes) => agentEnd.write(bytes)).on('error', () => {})
    world.onLeave(async () => void serverEnd.destroy())
  })
  const server = `http://localhost:${await world.listen(between)}`
  const agent = await world.agent('one', app, { env: { TUNNEL_TOKEN: 'alice', TUNNEL_SERVER: server } })
  const other = world.tunnel(['-p', String(app), '-s', 'two'], { env: { TUNNEL_TOKEN: 'alice' } })
  assert.equal(await other.exitCode(), 75, other.output)
  assert.match(other.stderr, /your account has as many agents connected as it may here \(1\)\n/)

  agentEnds[0]!.destroy() // and the server hears nothing of it
  await eventually('the agent has come back', () => agentEnds.length === 2)
  await eventually('the tunnel works', async () => (await visit(world, 'one', '/')).text === 'ok')
  assert.ok(agent.running)
})
