import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type RecordingHandler, SessionPair, turn } from 'tunnel-protocol/testing'
import { Dialer } from './dial.js'
import { OriginExchange } from './exchange.js'
import { PatientDialer } from './patient-dialer.js'
import { OriginPool } from './pool.js'
import { originTarget } from './target.js'

const folder = mkdtempSync(join(tmpdir(), 'tunnel-exchange-'))
after(() => rmSync(folder, { recursive: true }))
const posix = process.platform === 'win32' ? 'sockets are no files on Windows' : false

const PATIENCE_MS = 60_000
const GET = 'GET / HTTP/1.1\r\nHost: app\r\n'
const POST = 'POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n'

/** An app that can be ended and started again at the same place, and an agent's end for it. */
class Restartable {
  readonly pair = new SessionPair()
  readonly pool: OriginPool
  /** What came on each connection, in order. */
  readonly received: string[] = []
  readonly sockets: Socket[] = []
  /** What it does when there is something to read on a connection. */
  onRequest: (socket: Socket) => void = answer
  away = false
  #where: net.ListenOptions
  #server: net.Server | undefined

  private constructor(where: net.ListenOptions, target: string) {
    this.#where = where
    const observer = {
      onUnreachable: () => {
        this.away = true
      },
      onReachable() {},
    }
    this.pool = new OriginPool(
      new PatientDialer(new Dialer(originTarget({ url: target }), undefined, observer), PATIENCE_MS),
    )
    const options = { pool: this.pool, hostMapping: undefined, observer: undefined, originName: 'app' }
    this.pair.handlerOf = ({ stream, open }) => new OriginExchange(stream, 's', open, options)
  }

  static async onPort(): Promise<Restartable> {
    const probe = net.createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const { port } = probe.address() as AddressInfo
    await new Promise((closed) => probe.close(closed))
    const app = new Restartable({ port, host: '127.0.0.1' }, `127.0.0.1:${port}`)
    await app.start()
    return app
  }

  static async onSocket(name: string): Promise<Restartable> {
    const path = join(folder, name)
    const app = new Restartable({ path }, `unix:${path}`)
    await app.start()
    return app
  }

  async start(): Promise<void> {
    this.away = false
    this.#server = net.createServer((socket) => {
      const number = this.received.push('') - 1
      this.sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (part) => {
        this.received[number]! += part
        this.onRequest(socket)
      })
    })
    this.#server.listen(this.#where)
    await once(this.#server, 'listening')
  }

  /** As a process does that is killed: what it listened on and its connections are gone together. */
  stop(): void {
    this.#server?.close()
    this.#server = undefined
    for (const socket of this.sockets.splice(0)) socket.destroy()
  }

  get requests(): string[] {
    return this.received.filter((text) => text !== '')
  }

  ask(head: string, body = ''): RecordingHandler {
    const { near, stream } = this.pair.open(head, body === '')
    if (body === '') return near
    stream.write(Buffer.from(body))
    stream.end()
    return near
  }

  async answered(near: RecordingHandler): Promise<string> {
    await this.pair.until(() => near.events.includes('end') || near.events.includes('reset'))
    return near.error?.code ?? near.bytes.toString()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    this.pool.close()
    await this.pair.until(() => this.pool.size === 0)
    assert.deepEqual([this.pair.server.streamCount, this.pair.agent.streamCount], [0, 0])
  }
}

function answer(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=30\r\nContent-Length: 2\r\n\r\nok')
}

test('a GET to an app that ends before it has answered is answered by the next run; a POST is not sent twice', async () => {
  await using app = await Restartable.onPort()
  app.onRequest = () => {}
  const get = app.ask(GET)
  const post = app.ask(POST, 'hello')
  await app.pair.until(() => app.requests.length === 2 && app.requests.some((text) => text.endsWith('hello')))
  app.stop()
  assert.equal(await app.answered(post), 'TUN_ERR_ORIGIN_RESET')
  await app.pair.until(() => app.away)
  app.onRequest = answer
  await app.start()
  assert.equal(await app.answered(get), 'ok')
  assert.deepEqual(app.requests.map((text) => text.slice(0, 4).trim()).sort(), ['GET', 'GET', 'POST'])
})

test('an answer of which one byte has come is not asked for again', async () => {
  await using app = await Restartable.onPort()
  app.onRequest = (socket) => {
    socket.write('H', () => app.stop())
  }
  assert.equal(await app.answered(app.ask(GET)), 'TUN_ERR_ORIGIN_RESET')
  assert.equal(app.requests.length, 1)
})

test('an app that breaks off every connection has its request once, and is not waited for', async () => {
  await using app = await Restartable.onPort()
  app.onRequest = (socket) => socket.resetAndDestroy()
  assert.equal(await app.answered(app.ask(GET)), 'TUN_ERR_ORIGIN_RESET')
  assert.equal(app.requests.length, 1)
  assert.ok(!app.away)
})

test('a request that ends the app each time is sent three times at most', async () => {
  await using app = await Restartable.onPort()
  app.onRequest = () => app.stop()
  const near = app.ask(GET)
  for (let i = 0; i < 2; i++) {
    await app.pair.until(() => app.away)
    await app.start()
  }
  assert.equal(await app.answered(near), 'TUN_ERR_ORIGIN_RESET')
  assert.equal(app.requests.length, 3)
})

test('a POST that comes while the app is away waits with its body, and is sent once', async () => {
  await using app = await Restartable.onPort()
  app.stop()
  const body = 'x'.repeat(60_000)
  const { near, stream } = app.pair.open(`POST / HTTP/1.1\r\nHost: app\r\nContent-Length: ${body.length}\r\n`)
  for (let i = 0; i < body.length; i += 7) stream.write(Buffer.from(body.slice(i, i + 7)))
  stream.end()
  await app.pair.until(() => app.away)
  app.onRequest = (socket) => {
    if (app.received.at(-1)!.endsWith(body)) answer(socket)
  }
  await app.start()
  assert.equal(await app.answered(near), 'ok')
  assert.equal(app.requests.length, 1)
})

test('a visitor who leaves while the app is away is not heard of again', async () => {
  await using app = await Restartable.onPort()
  app.stop()
  const { stream } = app.pair.open(GET, true)
  await app.pair.until(() => app.away)
  stream.reset('TUN_ERR_VISITOR_GONE')
  app.pair.pump()
  await app.start()
  assert.equal(await app.answered(app.ask(GET)), 'ok')
  assert.equal(app.requests.length, 1)
})

test('whatever the system did not take at all is sent on another connection, once', { skip: posix }, async () => {
  await using app = await Restartable.onSocket('kept')
  assert.equal(await app.answered(app.ask(GET)), 'ok')
  assert.equal(app.pool.size, 1, 'the connection is kept')
  // The kept connection is closed, and before the agent can know comes the next request.
  app.sockets[0]!.destroy()
  const near = app.ask(POST, 'hello')
  assert.equal(await app.answered(near), 'ok')
  await turn()
  assert.deepEqual(
    app.requests.map((text) => text.slice(0, 4).trim()),
    ['GET', 'POST'],
  )
})

for (const kind of ['Content-Length', 'chunked'] as const) {
  test(`that holds for a body that came with its head as well (${kind})`, { skip: posix }, async () => {
    await using app = await Restartable.onSocket(`kept-${kind}`)
    const body = 'x'.repeat(40_000)
    // A connection is read as fast as it comes; only all of it is answered.
    app.onRequest = (socket) => {
      const text = app.received.at(-1)!
      if (text.startsWith('GET') || text.endsWith(kind === 'chunked' ? '\r\n0\r\n\r\n' : body)) answer(socket)
    }
    assert.equal(await app.answered(app.ask(GET)), 'ok')
    app.sockets[0]!.destroy()
    const framing = kind === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${body.length}`
    const { near, stream } = app.pair.openLater(`POST / HTTP/1.1\r\nHost: app\r\n${framing}\r\n`)
    stream.write(Buffer.from(body))
    stream.end()
    app.pair.pump()
    assert.equal(await app.answered(near), 'ok')
    assert.equal(app.requests.length, 2)
    assert.ok(app.requests[1]!.includes(body), 'all of the body, in order')
    // Once: what was given credit for twice would let the visitor send more than its window.
    assert.equal(app.pair.agent.heldBytes, 0)
  })
}
