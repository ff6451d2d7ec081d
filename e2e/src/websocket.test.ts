import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import { startDemo } from 'tunnel-demo'
import { WebSocket, WebSocketServer } from 'ws'
import { chromium, skipChromium } from './support/chromium.js'
import { eventually } from './support/process.js'
import { RawVisitor } from './support/visitor.js'
import { World } from './support/world.js'

async function demoWorld(): Promise<World> {
  const world = await World.start()
  const demo = await startDemo({ port: 0 })
  world.onLeave(() => demo.close())
  await world.agent('demo', demo.port)
  return world
}

function connect(world: World, path: string, protocols: string[] = [], options = {}): WebSocket {
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}${path}`, protocols, {
    headers: { host: `demo.localhost:${world.port}` },
    ...options,
  })
  world.onLeave(async () => socket.terminate())
  return socket
}

async function echoed(socket: WebSocket, message: string | Buffer): Promise<Buffer> {
  const answer = once(socket, 'message') as Promise<[Buffer]>
  socket.send(message)
  return (await answer)[0]
}

test('a WebSocket client talks to the app: text, binary, 1 MiB messages, close code', async () => {
  await using world = await demoWorld()
  const socket = connect(world, '/echo')
  await once(socket, 'open')
  assert.equal((await echoed(socket, 'hello')).toString(), 'Echo: hello')
  const big = randomBytes(1024 * 1024)
  assert.deepEqual(await echoed(socket, big), big)
  const closed = once(socket, 'close') as Promise<[number, Buffer]>
  socket.close(1000, 'done')
  assert.equal((await closed)[0], 1000)
})

test('subprotocol, compression and close codes are between visitor and app', async () => {
  await using world = await World.start()
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: { threshold: 0 },
    handleProtocols: (offered) => ([...offered].includes('two') ? 'two' : false),
  })
  let closeCode: number | undefined
  const port = await world.app(
    (_request, response) => response.end(),
    (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (websocket) => {
        websocket.on('message', (message, binary) => {
          if (message.toString() === 'close me') websocket.close(4321, 'as you wish')
          else websocket.send(message, { binary })
        })
        websocket.on('close', (code) => {
          closeCode = code
        })
      })
    },
  )
  await world.agent('demo', port)
  const socket = connect(world, '/', ['one', 'two'])
  await once(socket, 'open')
  assert.equal(socket.protocol, 'two')
  assert.match(socket.extensions, /permessage-deflate/)
  const text = 'compress me '.repeat(10_000)
  assert.equal((await echoed(socket, text)).toString(), text)
  const closed = once(socket, 'close') as Promise<[number, Buffer]>
  socket.send('close me')
  const [code, reason] = await closed
  assert.deepEqual([code, reason.toString()], [4321, 'as you wish'])

  const second = connect(world, '/', ['two'])
  await once(second, 'open')
  second.close(4999, 'bye')
  await eventually('the close code at the app', () => closeCode === 4999)
})

test('another protocol after an upgrade is raw bytes both ways, half-close included', async () => {
  await using world = await World.start()
  const port = await world.app(
    (_request, response) => response.end(),
    (_request, socket: Socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n')
      socket.write(head)
      let received = head.toString('latin1')
      socket.on('data', (bytes: Buffer) => {
        received += bytes.toString('latin1')
      })
      // Only after the visitor has ended does the app answer.
      socket.on('end', () => socket.end(`got ${received.length} bytes: ${received}`, 'latin1'))
    },
  )
  await world.agent('demo', port)
  const visitor = new RawVisitor(world)
  visitor.send(
    'GET /raw HTTP/1.1\r\nHost: demo.localhost\r\nConnection: Upgrade\r\nUpgrade: echo/1\r\n\r\n\x00\xffearly',
  )
  await visitor.until((text) => text.includes('101 Switching Protocols'))
  assert.match(visitor.received, /\r\nUpgrade: echo\/1\r\n/)
  visitor.send(' late')
  visitor.socket.end()
  assert.equal(await visitor.closed(), 'ended')
  assert.ok(visitor.received.endsWith('got 12 bytes: \x00\xffearly late'), JSON.stringify(visitor.received))
})

test('an upgrade that the app refuses arrives as the answer it is', async () => {
  await using world = await World.start()
  const port = await world.app(
    (_request, response) => response.end('plain'),
    (_request, socket) => {
      socket.end('HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 7\r\n\r\nsign in')
    },
  )
  await world.agent('demo', port)
  const socket = connect(world, '/')
  socket.on('error', () => {})
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, import('node:http').IncomingMessage]
  assert.equal(response.statusCode, 401)
  assert.equal(response.headers['www-authenticate'], 'Basic')
  const parts: Buffer[] = []
  for await (const part of response) parts.push(part as Buffer)
  assert.equal(Buffer.concat(parts).toString(), 'sign in')
})

test('when the app drops a WebSocket the visitor sees it dropped, and the other way round', async () => {
  await using world = await World.start()
  const server = new WebSocketServer({ noServer: true })
  const codes: number[] = []
  const port = await world.app(
    (_request, response) => response.end(),
    (request, socket, head) => {
      server.handleUpgrade(request, socket, head, (websocket) => {
        websocket.on('close', (code) => codes.push(code))
        websocket.on('error', () => {})
        if (request.url === '/drop') websocket.terminate()
      })
    },
  )
  await world.agent('demo', port)
  const dropped = connect(world, '/drop')
  dropped.on('error', () => {})
  assert.equal(((await once(dropped, 'close')) as [number])[0], 1006)
  const leaving = connect(world, '/stay')
  await once(leaving, 'open')
  leaving.terminate()
  await eventually('the app notices', () => codes.includes(1006) && codes.length === 2)
})

test('in a browser, the demo page loads, its WebSocket echoes and its clock ticks', {
  skip: skipChromium,
}, async () => {
  await using world = await demoWorld()
  const browser = await chromium()
  world.onLeave(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`http://demo.localhost:${world.port}/`, { waitUntil: 'domcontentloaded' })
  await page.fill('#echo-input', 'from a browser')
  await page.click('#echo-send')
  await page.getByText('Echo: from a browser').waitFor()
  await page.waitForFunction('/\\d{4}-\\d\\d-\\d\\dT/.test(document.querySelector("#clock").textContent)')
  await page.setInputFiles('#upload-file', {
    name: 'a.txt',
    mimeType: 'text/plain',
    buffer: Buffer.alloc(300_000, 'x'),
  })
  await page.waitForFunction('/300[,.\\u202f ]?000|293/.test(document.querySelector("#upload-result").textContent)')
})
