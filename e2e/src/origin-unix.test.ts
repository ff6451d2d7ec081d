import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rename, rm, writeFile } from 'node:fs/promises'
import http, { type RequestListener, type Server } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { selfSigned } from './support/certificate.js'
import { eventually, type Running } from './support/process.js'
import { open, RawVisitor, responseOf, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

const skip = process.platform === 'win32' ? 'sockets are no files on Windows' : false

async function share(world: World, args: string[], env: Record<string, string> = {}): Promise<Running> {
  const agent = world.tunnel([...args, '-s', 'demo'], { env })
  await agent.waitFor(/\n/, 'stdout')
  return agent
}

/** An app on a socket in the world's folder. */
async function appAt(world: World, path: string, listener: RequestListener): Promise<Server> {
  const server = http.createServer(listener)
  await world.listenOn(server, { path })
  return server
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
}

test('an app on a Unix socket can be given in every way', { skip }, async () => {
  await using world = await World.start()
  const path = world.path('app.sock')
  await appAt(world, path, (request, response) => response.end(request.headers.host))
  const home = `demo.localhost:${world.port}`
  for (const [args, env, host] of [
    [['--unix', path], {}, home],
    [['--unix', 'app.sock'], {}, home],
    [[`unix:${path}`], {}, home],
    [['http', `unix:${path}`], {}, home],
    [[], { TUNNEL_UNIX: path }, home],
    [['--unix', path, '--host-header', 'rewrite'], {}, 'localhost'],
    [['--unix', path, '--host-header', 'app.internal'], {}, 'app.internal'],
  ] as Array<[string[], Record<string, string>, string]>) {
    const agent = await share(world, [...args, '--json'], env)
    assert.equal(JSON.parse(agent.stdout).target, `unix:${path}`)
    assert.equal((await visit(world, 'demo', '/')).text, host, args.join(' '))
    agent.kill('SIGINT')
    assert.equal(await agent.exitCode(), 0, agent.output)
    assert.match(agent.stderr, new RegExp(`forwarding to unix:${path}`))
  }
})

test('a socket together with a port, a host or a target is refused in one line', { skip }, async () => {
  await using world = await World.start()
  for (const [args, other] of [
    [['--unix', '/run/app.sock', '-p', '8080'], 'port'],
    [['--unix', '/run/app.sock', '-l', 'app.test'], 'local-host'],
    [['--unix', '/run/app.sock', '8080'], 'target'],
    [['unix:/run/app.sock', '-p', '8080'], 'port'],
  ] as Array<[string[], string]>) {
    const tunnel = world.tunnel(args)
    assert.equal(await tunnel.exitCode(), 78, tunnel.output)
    assert.equal(tunnel.stderr, `tunnel: ${other}: the local app is given as a Unix socket already, leave one out\n`)
  }
})

test('uploads, downloads and events stream through a Unix socket', { skip }, async () => {
  await using world = await World.start()
  const path = world.path('app.sock')
  await appAt(world, path, (request, response) => request.pipe(response))
  await share(world, ['--unix', path])
  const request = open(world, 'demo', '/', { method: 'POST' })
  const answer = responseOf(request)
  request.write('first')
  const response = await within('the head', answer)
  for (const part of ['first', 'second']) {
    if (part !== 'first') request.write(part)
    const [bytes] = (await within(part, once(response, 'data'))) as [Buffer]
    assert.equal(bytes.toString(), part)
  }
  const big = Buffer.alloc(8 * 1024 * 1024, 'x')
  request.end(big)
  let length = 0
  for await (const bytes of response) length += (bytes as Buffer).length
  assert.equal(length, big.length)
})

test('a WebSocket goes through a Unix socket; when the visitor breaks off, the app and the agent go on', {
  skip,
}, async () => {
  await using world = await World.start()
  const path = world.path('app.sock')
  const server = await appAt(world, path, (_request, response) => response.end('fine'))
  const sockets = new WebSocketServer({ server })
  let gone = 0
  sockets.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (message) => socket.send(message))
    socket.on('close', () => gone++)
  })
  const agent = await share(world, ['--unix', path])
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: 'demo.localhost' } })
  await within('the upgrade', once(socket, 'open'))
  const echo = once(socket, 'message') as Promise<[Buffer]>
  socket.send('hello')
  assert.equal((await within('the echo', echo))[0].toString(), 'hello')
  socket.terminate()
  await eventually('the app notices', () => gone === 1)

  const visitor = new RawVisitor(world)
  visitor.send(
    'GET / HTTP/1.1\r\nHost: demo.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await within(
    'the second upgrade',
    visitor.until((text) => text.includes('\r\n\r\n')),
  )
  visitor.socket.resetAndDestroy()
  await eventually('the app notices a reset', () => gone === 2)
  assert.equal((await visit(world, 'demo', '/')).text, 'fine')
  assert.ok(agent.running, agent.output)
})

test('an app that is restarted with a new socket is found again; until then visitors read what is wrong', {
  skip,
}, async () => {
  await using world = await World.start()
  const path = world.path('app.sock')
  const first = await appAt(world, path, (_request, response) => response.end('first'))
  const agent = await share(world, ['--unix', path, '--wait-for-origin', '0'])
  assert.equal((await visit(world, 'demo', '/')).text, 'first')

  const refused = async () => {
    const answer = await visit(world, 'demo', '/', { headers: { accept: 'application/json' } })
    assert.equal(answer.status, 502)
    assert.equal(answer.headers['x-tunnel-error'], 'TUN_ERR_ORIGIN_REFUSED')
    return JSON.parse(answer.text).error.message
  }
  // What an app leaves behind that was killed: a socket that nobody listens on.
  const aside = world.path('aside')
  await rename(path, aside)
  await stop(first)
  assert.equal(await refused(), `there is no socket at ${path}`)
  await rename(aside, path)
  assert.equal(await refused(), `nothing is listening on the socket ${path}`)
  await rm(path)
  await writeFile(path, '')
  assert.equal(await refused(), `${path} is not a socket`)
  await rm(path)

  await appAt(world, path, (_request, response) => response.end('second'))
  assert.equal((await visit(world, 'demo', '/')).text, 'second')
  await agent.waitFor(/the app at unix:\S+ answers again/, 'stderr')
  assert.equal(agent.stderr.match(/the tunnel stays open/g)?.length, 1, agent.stderr)
})

test('an app on a Unix socket may speak HTTPS', { skip }, async () => {
  await using world = await World.start()
  const path = world.path('tls.sock')
  await world.listenOn(
    https.createServer(selfSigned, (_request, response) => response.end('TLS')),
    { path },
  )
  for (const args of [['--unix', path, '--local-https'], ['https', `unix:${path}`], [`https+unix:${path}`]]) {
    const agent = await share(world, [...args, '--json'])
    assert.equal(JSON.parse(agent.stdout).target, `https+unix:${path}`)
    assert.equal((await visit(world, 'demo', '/')).text, 'TLS', args.join(' '))
    agent.kill('SIGINT')
    assert.equal(await agent.exitCode(), 0, agent.output)
  }
})

test('an answer that ends with its connection ends well over a Unix socket', { skip }, async () => {
  await using world = await World.start()
  const path = world.path('raw.sock')
  await world.listenOn(
    net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'))
    }),
    { path },
  )
  await share(world, ['--unix', path])
  assert.equal((await visit(world, 'demo', '/')).text, 'all of it')
})
