import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import https from 'node:https'
import net from 'node:net'
import { test } from 'node:test'
import tls, { type TLSSocket } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import { ownAuthority, selfSigned } from './support/certificate.js'
import { answerWithHash, sha } from './support/hash.js'
import { eventually, type Running } from './support/process.js'
import { complete, readAll } from './support/visitor.js'
import { within } from './support/within.js'
import { serverBin, World } from './support/world.js'

interface SecureWorld {
  world: World
  certPath: string
  keyPath: string
}

/** A server that speaks HTTPS with a certificate for localhost. */
async function start(args: string[] = []): Promise<SecureWorld> {
  const world = await World.create()
  const certPath = world.path('tls.crt')
  const keyPath = world.path('tls.key')
  writeFileSync(certPath, selfSigned.cert)
  writeFileSync(keyPath, selfSigned.key)
  await world.startServer(0, { args: ['--tls-cert', certPath, '--tls-key', keyPath, ...args] })
  return { world, certPath, keyPath }
}

function agent({ world, certPath }: SecureWorld, name: string, port: number): Promise<Running> {
  return world.agent(name, port, {
    env: { TUNNEL_SERVER: `https://localhost:${world.port}`, NODE_EXTRA_CA_CERTS: certPath },
  })
}

/** To a visitor the certificate is not worth a word here: that it is the right one has a test of its own. */
const blind = { rejectUnauthorized: false }

function request(world: World, path: string, options: https.RequestOptions = {}) {
  const host = `demo.localhost:${world.port}`
  return https.request({
    host: '127.0.0.1',
    port: world.port,
    path,
    headers: { host },
    agent: false,
    ...blind,
    ...options,
  })
}

async function connect(world: World): Promise<{ socket: TLSSocket; transport: net.Socket }> {
  const transport = net.connect({ host: '127.0.0.1', port: world.port, allowHalfOpen: true })
  const socket = tls.connect({ socket: transport, ...blind })
  for (const each of [transport, socket]) each.on('error', () => {})
  world.onLeave(async () => void socket.destroy())
  await within('the handshake', once(socket, 'secureConnect'))
  return { socket, transport }
}

test('with a certificate visitors and agents come through HTTPS: requests, transfers, WebSockets', async () => {
  const secure = await start()
  await using world = secure.world
  const whole = Buffer.alloc(8 * 1024 * 1024, 'abcdefg')
  const app = await world.app((request, response) => {
    if (request.method === 'PUT') answerWithHash(request, response)
    else if (request.url === '/large') response.end(whole)
    else response.end(`${request.headers['x-forwarded-proto']} ${request.headers['x-forwarded-port']}`)
  })
  await agent(secure, 'demo', app)
  assert.equal((await complete(request(world, '/'), undefined)).text, `https ${world.port}`)
  assert.equal(sha((await complete(request(world, '/large'), undefined)).body), sha(whole))
  assert.equal((await complete(request(world, '/', { method: 'PUT' }), whole)).text, sha(whole))

  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(sockets, 'listening')
  world.onLeave(async () => void sockets.close())
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)))
  await agent(secure, 'chat', (sockets.address() as { port: number }).port)
  const headers = { host: `chat.localhost:${world.port}` }
  const socket = new WebSocket(`wss://127.0.0.1:${world.port}/`, { headers, ...blind })
  await within('a WebSocket opens', once(socket, 'open'))
  socket.send('hello')
  assert.equal(String((await within('an echo', once(socket, 'message')))[0]), 'hello')
  socket.close()
  await within('it closes', once(socket, 'close'))
})

test('what breaks stays broken through TLS, in both directions, and what ends has ended', async () => {
  const secure = await start()
  await using world = secure.world
  const heard: string[] = []
  let breakOff = () => {}
  const app = await world.rawApp((socket) => {
    socket.once('data', (bytes) => {
      if (String(bytes).startsWith('GET /break')) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun')
        breakOff = () => void socket.resetAndDestroy()
        return
      }
      socket.on('end', () => {
        heard.push('end')
        socket.end('and bye')
      })
      socket.on('error', () => heard.push('error'))
      socket.resume()
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n')
    })
  })
  await agent(secure, 'demo', app)
  const broken = request(world, '/break').on('error', () => {})
  broken.end()
  const [response] = await within('a head', once(broken, 'response'))
  breakOff()
  await assert.rejects(readAll(response), /aborted|ECONNRESET/)

  const upgrade = 'GET / HTTP/1.1\r\nHost: demo.localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'
  const { socket: ends } = await connect(world)
  ends.write(upgrade)
  await within('101', once(ends, 'data'))
  ends.end()
  assert.equal(String((await within('what the app still says', once(ends, 'data')))[0]), 'and bye')
  await eventually('the app hears the end', () => heard.length === 1)

  const cut = await connect(world)
  cut.socket.write(upgrade)
  await within('101', once(cut.socket, 'data'))
  cut.transport.resetAndDestroy()
  await eventually('the app hears it', () => heard.length === 2)
  assert.deepEqual(heard, ['end', 'error'])
})

test('plain HTTP, garbage and silence on the port that speaks HTTPS cost nobody else anything', async () => {
  const secure = await start(['--head-timeout', '500ms'])
  await using world = secure.world
  await agent(secure, 'demo', await world.app((_, response) => void response.end('hello')))
  const closed = ['GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n', '\x16\x03\x01\xff\xff garbage', ''].map(
    async (bytes) => {
      const socket = net.connect({ port: world.port, host: '127.0.0.1' }, () => socket.write(bytes))
      socket.on('error', () => {}).resume()
      await within('it is closed', once(socket, 'close'))
    },
  )
  await Promise.all(closed)
  assert.equal((await complete(request(world, '/'), undefined)).text, 'hello')
})

test('SIGHUP brings a new certificate; what is open goes on with the old one, and a bad one changes nothing', async () => {
  const secure = await start()
  await using world = secure.world
  await agent(secure, 'demo', await world.app((_, response) => void response.end('hello')))
  const shown = async () => {
    const { socket } = await connect(world)
    const { raw } = socket.getPeerCertificate()
    socket.destroy()
    return new X509Certificate(raw).fingerprint256
  }
  const fingerprint = (pem: string) => new X509Certificate(pem).fingerprint256
  const { socket: open } = await connect(world)
  const ask = async () => {
    open.write('GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
    assert.match(String((await within('an answer', once(open, 'data')))[0]), /hello$/)
  }
  await ask()
  assert.equal(await shown(), fingerprint(selfSigned.cert))

  writeFileSync(secure.certPath, ownAuthority.cert)
  world.server.kill('SIGHUP')
  await world.server.waitFor(/do not make a pair .*the configuration cannot be used, everything stays as it was/)
  assert.equal(await shown(), fingerprint(selfSigned.cert))

  writeFileSync(secure.keyPath, ownAuthority.key)
  world.server.kill('SIGHUP')
  await world.server.waitFor(/configuration read again/)
  assert.equal(await shown(), fingerprint(ownAuthority.cert))
  await ask()
})

test('a certificate that cannot be used ends the server at once, with a line that says why', async () => {
  await using world = await World.create()
  const [cert, key, text] = ['a.crt', 'a.key', 'a.txt'].map((name) => world.path(name)) as [string, string, string]
  writeFileSync(cert, selfSigned.cert)
  writeFileSync(key, ownAuthority.key)
  writeFileSync(text, 'nothing')
  for (const [args, message] of [
    [['--tls-cert', cert], /a certificate needs its key: give both --tls-cert and --tls-key/],
    [['--tls-cert', cert, '--tls-key', key], /do not make a pair/],
    [['--tls-cert', text, '--tls-key', key], /--tls-cert: there is no certificate in .*a\.txt; expected a PEM file/],
    [['--tls-cert', cert, '--tls-key', world.path('none')], /--tls-key: cannot read .*none \(ENOENT\)/],
  ] as const) {
    const server = world.run(serverBin, ['--port', '0', ...args])
    assert.equal(await server.exitCode(), 78)
    assert.match(server.stderr, message)
  }
})
