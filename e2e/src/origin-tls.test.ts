import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import https from 'node:https'
import net, { type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import tls, { type TLSSocket } from 'node:tls'
import { tunnel } from 'tunnel-client'
import { WebSocket, WebSocketServer } from 'ws'
import { ownAuthority, selfSigned } from './support/certificate.js'
import { eventually, type Running } from './support/process.js'
import { RawVisitor, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

async function share(world: World, args: string[], env: Record<string, string> = {}): Promise<Running> {
  const agent = world.tunnel([...args, '-s', 'demo'], { env })
  await agent.waitFor(/\n/, 'stdout')
  return agent
}

async function leave(agent: Running): Promise<void> {
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0, agent.output)
}

for (const [host, skip] of [
  ['127.0.0.1', false],
  ['::1', hasIpv6 ? false : 'no IPv6 loopback here'],
] as const) {
  test(`an app with a self-signed certificate at ${host} is reached without ceremony`, { skip }, async () => {
    await using world = await World.start()
    const server = https.createServer(selfSigned, (_request, response) => response.end('over TLS'))
    const port = await world.listen(server, host)
    const literal = host === '::1' ? '[::1]' : host
    for (const args of [
      [`https://localhost:${port}`],
      [`https://${literal}:${port}`],
      ['-p', `${port}`, '--local-https'],
      ['-p', `${port}`, '-l', host, '--local-https'],
    ]) {
      const agent = await share(world, args)
      const { status, text } = await visit(world, 'demo', '/')
      assert.deepEqual([status, text], [200, 'over TLS'], `${args.join(' ')}\n${agent.output}`)
      await leave(agent)
    }
  })
}

/** An app whose certificate is for app.internal. Tells by which name it was asked for. */
async function internalApp(world: World): Promise<number> {
  return world.listen(
    https.createServer(ownAuthority, (request, response) => {
      response.end(`asked for ${(request.socket as TLSSocket & { servername: string | false }).servername}`)
    }),
  )
}

test('with --origin-ca and --origin-server-name an app on this machine is verified as well', async () => {
  await using world = await World.start()
  const port = await internalApp(world)
  const target = `https://localhost:${port}`
  const own = world.path('own.pem')
  const other = world.path('other.pem')
  await writeFile(own, `An authority of our own\n${ownAuthority.ca}`)
  await writeFile(other, selfSigned.cert)
  const where = `localhost:${port}`
  const untrusted = `the certificate of ${where} comes from nobody who is trusted here`
  const rows: Array<[string[], Record<string, string>, string | RegExp]> = [
    [[], {}, 'asked for localhost'],
    [['--origin-server-name', 'app.internal'], {}, 'asked for app.internal'],
    [['--origin-ca', own, '--origin-server-name', 'app.internal'], {}, 'asked for app.internal'],
    [[], { TUNNEL_ORIGIN_CA: own, TUNNEL_ORIGIN_SERVER_NAME: 'app.internal' }, 'asked for app.internal'],
    [
      ['--origin-ca', own],
      {},
      /^the certificate of localhost:\d+ is not for localhost: --origin-server-name takes the name that it is for$/,
    ],
    [
      ['--origin-ca', own, '--origin-server-name', 'other.internal'],
      {},
      /is not for other\.internal: --origin-server-name/,
    ],
    [
      ['--origin-ca', other, '--origin-server-name', 'app.internal'],
      {},
      new RegExp(`^${untrusted} \\([A-Z_]+\\): --origin-ca takes a file of who is$`),
    ],
  ]
  for (const [args, env, expected] of rows) {
    const agent = await share(world, [target, ...args], env)
    const answer = await visit(world, 'demo', '/', { headers: { accept: 'application/json' } })
    if (typeof expected === 'string') {
      assert.deepEqual([answer.status, answer.text], [200, expected], `${args.join(' ')}\n${agent.output}`)
    } else {
      assert.deepEqual([answer.status, answer.headers['x-tunnel-error']], [502, 'TUN_ERR_ORIGIN_TLS'])
      const { message } = JSON.parse(answer.text).error
      assert.match(message, expected)
      await agent.waitFor(new RegExp(message.replaceAll(/[.()]/g, '\\$&')), 'stderr')
      assert.ok(!answer.text.includes('app.internal') || args.includes('app.internal'), 'the certificate is not shown')
    }
    await leave(agent)
  }
})

test('an app that is not on this machine by its address has to have a certificate that is trusted', {
  skip: process.platform === 'linux' ? false : 'needs an address that is not loopback and still this machine',
}, async () => {
  await using world = await World.start()
  const server = https.createServer(selfSigned, (_request, response) => response.end('over TLS'))
  const port = await world.listen(server, '0.0.0.0')
  await share(world, [`https://0.0.0.0:${port}`])
  const answer = await visit(world, 'demo', '/')
  assert.deepEqual([answer.status, answer.headers['x-tunnel-error']], [502, 'TUN_ERR_ORIGIN_TLS'])
  assert.match(answer.text, /\(DEPTH_ZERO_SELF_SIGNED_CERT\): --origin-ca takes a file/)
})

test('an app that speaks HTTP where HTTPS was said is told apart from one that is not there', async () => {
  await using world = await World.start()
  const port = await world.app((_request, response) => response.end('plain'))
  await share(world, ['-p', `${port}`, '--local-https'])
  const answer = await visit(world, 'demo', '/')
  assert.deepEqual([answer.status, answer.headers['x-tunnel-error']], [502, 'TUN_ERR_ORIGIN_TLS'])
  assert.match(answer.text, /does not speak HTTPS: leave out https and --local-https/i)
})

test('a CA that cannot be used ends the command before anything is dialled', async () => {
  await using world = await World.start()
  const empty = world.path('empty.pem')
  await writeFile(empty, 'no certificate')
  let dialled = 0
  const server = await world.rawApp(() => {
    dialled++
  })
  for (const [args, message] of [
    [['https://localhost:1', '--origin-ca', '/nowhere.pem'], 'origin-ca: cannot read /nowhere.pem (ENOENT)'],
    [
      ['https://localhost:1', '--origin-ca', empty],
      `origin-ca: ${empty} holds no certificate (PEM, -----BEGIN CERTIFICATE-----)`,
    ],
    [['8080', '--origin-ca', empty], 'origin-ca: only for an app that speaks HTTPS; add --local-https'],
    [
      ['https://localhost:1', '--origin-server-name', 'a b'],
      'origin-server-name: expected a host such as app.internal, got "a b"',
    ],
  ] as Array<[string[], string]>) {
    const command = world.tunnel([...args, '--server', `http://127.0.0.1:${server}`])
    assert.equal(await command.exitCode(), 78, command.output)
    assert.equal(command.stderr, `tunnel: ${message}\n`)
  }
  assert.equal(dialled, 0)
})

test('the library takes the PEM itself as well as a path', async () => {
  await using world = await World.start()
  const port = await internalApp(world)
  const claims = { get: () => undefined, set: () => {} }
  const options = { target: `https://127.0.0.1:${port}`, subdomain: 'demo', server: world.url, claims }
  const opened = await tunnel({ ...options, originCa: ownAuthority.ca, originServerName: 'app.internal' })
  world.onLeave(() => opened.close())
  assert.equal((await visit(world, 'demo', '/')).text, 'asked for app.internal')
  await assert.rejects(tunnel({ ...options, originCa: 'nothing' }), { code: 'TUN_ERR_OPTION' })
})

/** A TLS app that also has hold of the connection below. */
async function tlsApp(
  world: World,
  onRequest: (head: string, secure: TLSSocket, below: Socket) => void,
): Promise<number> {
  const below = new Map<string, Socket>()
  const server = tls.createServer({ ...selfSigned, allowHalfOpen: true }, (secure) => {
    secure.on('error', () => {})
    secure.once('data', (head: Buffer) => {
      onRequest(head.toString('latin1'), secure, below.get(`${secure.remotePort}`)!)
    })
  })
  server.on('tlsClientError', () => {})
  return world.listen(
    net.createServer({ allowHalfOpen: true }, (socket) => {
      below.set(`${socket.remotePort}`, socket)
      server.emit('connection', socket)
    }),
  )
}

test('over TLS, an answer that ends with its connection is complete with close_notify only', async () => {
  await using world = await World.start()
  const size = 300_000
  const port = await tlsApp(world, (head, secure, below) => {
    secure.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(size)}`, () => {
      if (head.startsWith('GET /whole ')) secure.end()
      else if (head.startsWith('GET /cut ')) below.end()
      else below.resetAndDestroy()
    })
  })
  await share(world, [`https://localhost:${port}`])
  for (let i = 0; i < 10; i++) {
    for (const [path, outcome] of [
      ['/whole', 'ended'],
      ['/cut', 'broken'],
      ['/reset', 'broken'],
    ] as const) {
      const visitor = new RawVisitor(world)
      visitor.send(`GET ${path} HTTP/1.1\r\nHost: demo.localhost\r\n\r\n`)
      const how = await within('the end', visitor.closed())
      // A reset may overtake the whole answer; then there is one of ours that says so.
      if (!visitor.received.includes('TUN_ERR_ORIGIN_RESET')) assert.equal(how, outcome, path)
      if (path === '/whole') assert.ok(visitor.received.endsWith(`\r\n\r\n${'x'.repeat(size)}`))
    }
  }
})

test('over TLS, an answer with a length is complete without close_notify, even for a visitor who reads slowly', async () => {
  await using world = await World.start()
  const size = 16 * 1024 * 1024
  const port = await tlsApp(world, (_head, secure, below) => {
    secure.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`)
    secure.write(Buffer.alloc(size, 'x'), () => below.end())
  })
  await share(world, [`https://localhost:${port}`])
  const visitor = new RawVisitor(world)
  visitor.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n')
  // Now and then it stops reading, so that what the app has sent waits at the agent.
  let turns = 0
  visitor.socket.on('data', () => {
    if (++turns % 16 !== 0) return
    visitor.socket.pause()
    setTimeout(() => visitor.socket.resume(), 5)
  })
  assert.equal(await within('the end', visitor.closed()), 'ended')
  assert.equal(visitor.received.length - visitor.received.indexOf('\r\n\r\n') - 4, size)
})

test('over TLS, WebSockets are carried, and what one side breaks off breaks on the other', async () => {
  await using world = await World.start()
  const server = https.createServer(selfSigned, (_request, response) => response.end())
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => socket.on('message', (message) => socket.send(message)))
  const agent = await share(world, [`https://localhost:${await world.listen(server)}`])
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: 'demo.localhost' } })
  world.onLeave(async () => socket.terminate())
  await within('the upgrade', once(socket, 'open'))
  const big = Buffer.alloc(1024 * 1024, 'y')
  const echo = once(socket, 'message') as Promise<[Buffer]>
  socket.send(big)
  assert.deepEqual((await within('the echo', echo))[0], big)
  socket.close()
  await within('the close', once(socket, 'close'))
  await leave(agent)

  const apps: Array<{ secure: TLSSocket; below: Socket; outcome: Promise<string> }> = []
  const port = await tlsApp(world, (_head, secure, below) => {
    secure.write('HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: bytes/1\r\n\r\n')
    const outcome = new Promise<string>((resolve) => {
      secure.on('end', () => resolve('ended')).on('error', () => resolve('broken'))
      secure.on('close', () => resolve('broken'))
    })
    secure.resume()
    apps.push({ secure, below, outcome })
  })
  await share(world, [`https://localhost:${port}`])
  const upgrade = async () => {
    const visitor = new RawVisitor(world)
    visitor.send('GET / HTTP/1.1\r\nHost: demo.localhost\r\nConnection: Upgrade\r\nUpgrade: bytes/1\r\n\r\n')
    await within(
      'the upgrade',
      visitor.until((text) => text.endsWith('\r\n\r\n')),
    )
    await eventually('the app has it', () => apps.length > 0)
    return { visitor, app: apps.pop()! }
  }
  const ended = await upgrade()
  ended.app.secure.end('last words')
  assert.equal(await within('the end', ended.visitor.closed()), 'ended')
  assert.ok(ended.visitor.received.endsWith('last words'))
  const cut = await upgrade()
  cut.app.below.end()
  assert.equal(await within('the cut', cut.visitor.closed()), 'broken')
  const left = await upgrade()
  left.visitor.socket.end()
  assert.equal(await within('the visitor’s end', left.app.outcome), 'ended')
  const gone = await upgrade()
  gone.visitor.socket.resetAndDestroy()
  assert.equal(await within('the visitor’s reset', gone.app.outcome), 'broken')
})
