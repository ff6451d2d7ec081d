import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { LINK_HEADROOM_BYTES, SUBPROTOCOL } from '../constants.js'
import { Session } from '../session/session.js'
import { RecordingHandler } from '../testing/session-pair.js'
import { acceptHandshake, isHandshake, openHandshake } from './handshake.js'
import type { LinkHandler } from './link.js'
import { WebSocketLink } from './websocket.js'

/** Collects what a link says, and lets a test wait for it. */
class Listener implements LinkHandler {
  readonly #parts: Buffer[] = []
  received = 0
  drains = 0
  readonly reasons: string[] = []
  #waiting: Array<() => void> = []

  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  onBytes(chunk: Buffer): void {
    this.#parts.push(chunk)
    this.received += chunk.length
    this.#wake()
  }

  onDrained(): void {
    this.drains++
    this.#wake()
  }

  onClosed(reason: string): void {
    this.reasons.push(reason)
    this.#wake()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

type Masking = 'zero key' | 'random key'

/** A server's and an agent's link over one real WebSocket on the loopback address. */
async function linked(masking: Masking = 'zero key') {
  const http = createServer()
  const accepted = new Promise<{ serverLink: WebSocketLink; serverSocket: Socket }>((resolve) => {
    http.on('upgrade', (request, serverSocket: Socket, head) => {
      assert.ok(isHandshake(request))
      acceptHandshake(request, serverSocket, SUBPROTOCOL)
      resolve({ serverLink: new WebSocketLink(serverSocket, head, 'server'), serverSocket })
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const agentLink = await new Promise<WebSocketLink>((resolve, reject) => {
    openHandshake({
      url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/api/link`,
      protocol: SUBPROTOCOL,
      timeoutMs: 30_000,
      onOpen: (socket, head) =>
        resolve(new WebSocketLink(socket, head, masking === 'random key' ? 'agentMasking' : 'agent')),
      onRefused: (response) => reject(new Error(`refused with ${response.statusCode}`)),
      onError: reject,
    })
  })
  const { serverLink, serverSocket } = await accepted
  const server = new Listener()
  const agent = new Listener()
  serverLink.handler = server
  agentLink.handler = agent
  return {
    serverLink,
    agentLink,
    server,
    agent,
    serverSocket,
    [Symbol.asyncDispose]: async () => {
      agentLink.destroy()
      serverLink.destroy()
      http.closeAllConnections()
      await new Promise((resolve) => http.close(resolve))
    },
  }
}

for (const masking of ['zero key', 'random key'] as const) {
  test(`bytes of any size cross in order, both ways, masked with a ${masking}`, async () => {
    await using world = await linked(masking)
    const parts = [1, 125, 126, 10, 65_535, 65_536, 3, 300_000].map((size) => randomBytes(size))
    const all = Buffer.concat(parts)
    world.agentLink.send(parts.slice(0, 5))
    world.agentLink.send(parts.slice(5))
    world.serverLink.send(parts)
    await world.server.until(() => world.server.received >= all.length)
    await world.agent.until(() => world.agent.received >= all.length)
    assert.ok(world.server.bytes.equals(all))
    assert.ok(world.agent.bytes.equals(all))
  })

  test(`with room for a header in front the same bytes arrive, and nothing else changes, masked with a ${masking}`, async () => {
    await using world = await linked(masking)
    const all: Buffer[] = []
    for (const size of [1, 125, 126, 65_535, 65_536]) {
      const memory = randomBytes(LINK_HEADROOM_BYTES + 1 + size)
      const before = Buffer.from(memory)
      const part = memory.subarray(1 + LINK_HEADROOM_BYTES)
      all.push(part, before.subarray(3))
      for (const link of [world.agentLink, world.serverLink]) {
        link.send([part, before.subarray(3)], LINK_HEADROOM_BYTES)
        link.send([part], LINK_HEADROOM_BYTES)
      }
      all.push(part)
      assert.ok(part.equals(before.subarray(1 + LINK_HEADROOM_BYTES)))
      assert.equal(memory[0], before[0])
    }
    const bytes = Buffer.concat(all)
    await world.server.until(() => world.server.received >= bytes.length)
    await world.agent.until(() => world.agent.received >= bytes.length)
    assert.ok(world.server.bytes.equals(bytes))
    assert.ok(world.agent.bytes.equals(bytes))
  })

  test(`a link that is paused reads nothing until it is resumed, masked with a ${masking}`, async () => {
    await using world = await linked(masking)
    const bytes = Buffer.alloc(20 * 1024 * 1024)
    world.serverLink.pause()
    world.agentLink.send([bytes])
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(world.server.received, 0)
    assert.ok(world.agentLink.bufferedBytes > 0)
    world.serverLink.resume()
    await world.server.until(() => world.server.received === bytes.length)
  })

  test(`buffers that were sent are not changed, masked with a ${masking}`, async () => {
    await using world = await linked(masking)
    const part = randomBytes(100_000)
    const before = Buffer.from(part)
    world.agentLink.send([part, part])
    world.serverLink.send([part])
    await world.server.until(() => world.server.received >= 2 * part.length)
    assert.ok(part.equals(before))
    assert.ok(world.server.bytes.subarray(part.length).equals(before))
  })

  test(`much more than a message may hold, sent at once, still arrives, masked with a ${masking}`, async () => {
    await using world = await linked(masking)
    const parts = Array.from({ length: 40 }, () => randomBytes(65_536))
    world.agentLink.send(parts)
    await world.server.until(() => world.server.received >= 40 * 65_536 || world.server.reasons.length > 0)
    assert.deepEqual(world.server.reasons, [])
    assert.ok(world.server.bytes.equals(Buffer.concat(parts)))
  })
}

test('a link says when everything sent so far has been taken, and that nothing is left', async () => {
  await using world = await linked()
  for (let i = 0; i < 5; i++) world.serverLink.send([Buffer.alloc(100_000), Buffer.alloc(10)])
  await world.server.until(() => world.server.drains > 0)
  assert.equal(world.serverLink.bufferedBytes, 0)
  await world.agent.until(() => world.agent.received === 5 * 100_010)
})

test('what the other side does not read is counted', async () => {
  await using world = await linked()
  world.serverSocket.pause()
  // More than the kernel's buffers on both ends can hold.
  for (let i = 0; i < 200; i++) world.agentLink.send([Buffer.alloc(200_000)])
  assert.ok(world.agentLink.bufferedBytes > 1_000_000)
  assert.equal(world.agent.drains, 0)
  world.serverSocket.resume()
  await world.agent.until(() => world.agent.drains > 0)
  assert.equal(world.agentLink.bufferedBytes, 0)
})

test('a close lets what was sent arrive, and each side hears of it once', async () => {
  await using world = await linked()
  world.serverLink.send([Buffer.alloc(500_000, 'x')])
  world.serverLink.close()
  world.serverLink.close()
  await world.agent.until(() => world.agent.reasons.length > 0)
  await world.server.until(() => world.server.reasons.length > 0)
  assert.equal(world.agent.received, 500_000)
  assert.deepEqual(world.agent.reasons, ['closed with 1000'])
  assert.deepEqual(world.server.reasons, ['closed with 1000'])
  world.serverLink.send([Buffer.from('too late')])
  world.serverLink.close()
  world.serverLink.destroy()
  assert.equal(world.server.reasons.length, 1)
})

test('a peer that does not answer a close is cut after two seconds', async (t) => {
  await using world = await linked()
  world.serverSocket.pause()
  t.mock.timers.enable({ apis: ['setTimeout'] })
  world.agentLink.close()
  t.mock.timers.tick(1_999)
  assert.deepEqual(world.agent.reasons, [])
  t.mock.timers.tick(1)
  t.mock.timers.reset()
  await world.agent.until(() => world.agent.reasons.length > 0)
  assert.deepEqual(world.agent.reasons, ['the connection ended'])
})

test('a cut is heard of on both sides, once', async () => {
  await using world = await linked()
  world.agentLink.destroy()
  world.agentLink.destroy()
  await world.agent.until(() => world.agent.reasons.length > 0)
  await world.server.until(() => world.server.reasons.length > 0)
  assert.deepEqual([world.agent.reasons.length, world.server.reasons.length], [1, 1])
  world.agentLink.send([Buffer.from('x')])
})

test('what is not WebSocket at all ends the link, not the process', async () => {
  await using world = await linked()
  world.serverSocket.write(randomBytes(3_000).fill(0xff, 0, 1))
  await world.agent.until(() => world.agent.reasons.length > 0)
  assert.deepEqual(world.agent.reasons, ['not WebSocket: a reserved bit is set'])
})

test('a ws client and our server link understand each other: text, fragments, ping, close', async () => {
  const http = createServer()
  const listener = new Listener()
  http.on('upgrade', (request, socket: Socket, head) => {
    acceptHandshake(request, socket, SUBPROTOCOL)
    const link = new WebSocketLink(socket, head, 'server')
    link.handler = listener
    link.send([Buffer.from('from '), Buffer.from('us')])
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}/`, SUBPROTOCOL)
  const message = once(client, 'message') as Promise<[Buffer]>
  await once(client, 'open')
  assert.equal((await message)[0].toString(), 'from us')
  const big = randomBytes(200_000)
  client.send('text ')
  client.send(big.subarray(0, 1_000), { binary: true, fin: false })
  client.send(big.subarray(1_000), { binary: true, fin: true })
  const pong = once(client, 'pong') as Promise<[Buffer]>
  client.ping('alive?')
  assert.equal((await pong)[0].toString(), 'alive?')
  assert.ok(listener.bytes.equals(Buffer.concat([Buffer.from('text '), big])))
  const closed = once(client, 'close') as Promise<[number]>
  client.close(4321)
  assert.equal((await closed)[0], 4321)
  await listener.until(() => listener.reasons.length > 0)
  assert.deepEqual(listener.reasons, ['closed with 4321'])
  await new Promise((resolve) => http.close(resolve))
})

for (const role of ['agent', 'agentMasking'] as const) {
  test(`a ws server and our link understand each other as ${role}`, async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => SUBPROTOCOL })
    await once(server, 'listening')
    server.on('connection', (websocket) => websocket.on('message', (data) => websocket.send(data)))
    const listener = new Listener()
    const link = await new Promise<WebSocketLink>((resolve, reject) => {
      openHandshake({
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/link`,
        protocol: SUBPROTOCOL,
        timeoutMs: 30_000,
        onOpen: (socket, head) => resolve(new WebSocketLink(socket, head, role)),
        onRefused: () => reject(new Error('refused')),
        onError: reject,
      })
    })
    link.handler = listener
    const parts = [1, 124, 2, 70_000].map((size) => randomBytes(size))
    link.send(parts)
    await listener.until(() => listener.received >= 70_127)
    assert.ok(listener.bytes.equals(Buffer.concat(parts)))
    link.close()
    await listener.until(() => listener.reasons.length > 0)
    assert.deepEqual(listener.reasons, ['closed with 1000'])
    await new Promise((resolve) => server.close(resolve))
  })
}

for (const masking of ['zero key', 'random key'] as const) {
  test(`sessions over a real link carry large bodies both ways at once, masked with a ${masking}`, async () => {
    await using world = await linked(masking)
    const closed: string[] = []
    const body = randomBytes(3_000_000)
    const answer = randomBytes(2_000_000)
    const near = new RecordingHandler()
    const far = new RecordingHandler()
    const done = new Promise<void>((resolve) => {
      const check = () => near.events.includes('end') && far.events.includes('end') && resolve()
      for (const side of [near, far]) {
        const { onEnd } = side
        side.onEnd = () => {
          onEnd.call(side)
          check()
        }
      }
    })
    const server = new Session({
      role: 'server',
      handler: { onControl() {}, onClose: ({ message }) => closed.push(message) },
    })
    const agent = new Session({
      role: 'agent',
      handler: {
        onControl() {},
        onClose: ({ message }) => closed.push(message),
        onOpen: (stream) => {
          far.stream = stream
          stream.sendHead('HTTP/1.1 200 OK\r\n', false)
          stream.write(answer)
          stream.end()
          return far
        },
      },
    })
    server.attach(world.serverLink)
    agent.attach(world.agentLink)
    near.stream = server.openStream(1, 1, 'POST / HTTP/1.1\r\nHost: a\r\n', false, near)
    near.stream.write(body)
    near.stream.end('X-Sum: 1\r\n')
    await done
    assert.ok(far.bytes.equals(body))
    assert.ok(near.bytes.equals(answer))
    assert.equal(far.trailers, 'X-Sum: 1\r\n')
    assert.deepEqual([server.streamCount, agent.streamCount, closed], [0, 0, []])
  })
}
