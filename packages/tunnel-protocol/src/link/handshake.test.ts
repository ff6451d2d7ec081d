import assert from 'node:assert/strict'
import { once } from 'node:events'
import http, { type IncomingMessage, type RequestListener } from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { SUBPROTOCOL } from '../constants.js'
import type { Connect } from './connect.js'
import { acceptHandshake, openHandshake } from './handshake.js'

/** A server that all names lead to. `dialled`: what was asked for. */
async function everywhere(t: TestContext, listener: RequestListener) {
  const server = http.createServer(listener)
  const hosts: Array<string | undefined> = []
  server.on('upgrade', (request, socket: Socket) => {
    hosts.push(request.headers.host)
    if (request.url === '/api/link') acceptHandshake(request, socket, SUBPROTOCOL)
    else
      socket.end(
        `HTTP/1.1 302 Found\r\nLocation: ${decodeURIComponent(request.url!.slice(1))}\r\nContent-Length: 0\r\n\r\n`,
      )
    t.after(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const dialled: string[] = []
  const connect: Connect = (url, onSocket) => {
    dialled.push(url.origin)
    const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    // What would be TLS is not here: only who was dialled counts.
    onSocket(socket)
    return () => socket.destroy()
  }
  return { connect, dialled, hosts }
}

type Outcome = { opened: string } | { status: number | undefined } | { error: Error }

function open(url: string, connect: Connect): Promise<Outcome> {
  return new Promise((resolve) => {
    openHandshake({
      url,
      protocol: SUBPROTOCOL,
      timeoutMs: 30_000,
      connect,
      onOpen: (socket, _head, at) => {
        socket.destroy()
        resolve({ opened: at })
      },
      onRefused: (response: IncomingMessage) => resolve({ status: response.statusCode }),
      onError: (error) => resolve({ error }),
    })
  })
}

const hosts: Array<[string, string]> = [
  ['http://tunnel.test/api/link', 'tunnel.test'],
  ['http://tunnel.test:8000/api/link', 'tunnel.test:8000'],
  ['https://tunnel.test/api/link', 'tunnel.test'],
  ['https://tunnel.test:8443/api/link', 'tunnel.test:8443'],
  ['http://[::1]:8000/api/link', '[::1]:8000'],
]
for (const [url, host] of hosts) {
  test(`the handshake for ${url} is sent to Host ${host}, over the connection that connect gives`, async (t) => {
    const server = await everywhere(t, () => {})
    assert.deepEqual(await open(url, server.connect), { opened: url })
    assert.deepEqual(server.hosts, [host])
    assert.deepEqual(server.dialled, [new URL(url).origin])
  })
}

const redirects: Array<[string, string, boolean]> = [
  ['http://tunnel.test:8000', 'http://tunnel.test:8000/api/link', true],
  ['http://tunnel.test', 'https://tunnel.test/api/link', true],
  ['http://tunnel.test', 'http://tunnel.test:8000/api/link', true],
  ['https://tunnel.test', 'https://tunnel.test:8443/api/link', true],
  ['https://tunnel.test', '/api/link', true],
  ['https://tunnel.test', 'http://tunnel.test/api/link', false],
  ['https://tunnel.test', 'https://evil.test/api/link', false],
  ['http://tunnel.test', 'https://sub.tunnel.test/api/link', false],
  ['http://tunnel.test', '//evil.test/api/link', false],
]
for (const [from, to, followed] of redirects) {
  test(`a redirect from ${from} to ${to} is ${followed ? '' : 'not '}followed`, async (t) => {
    const server = await everywhere(t, () => {})
    const outcome = await open(`${from}/${encodeURIComponent(to)}`, server.connect)
    const target = new URL(to, from)
    assert.deepEqual(outcome, followed ? { opened: target.href } : { status: 302 })
    assert.deepEqual(server.dialled, followed ? [from, target.origin] : [from])
  })
}

test('an end of redirects comes after three', async (t) => {
  const server = await everywhere(t, () => {})
  const loop = (rest: number): string => (rest === 0 ? '/api/link' : `/${encodeURIComponent(loop(rest - 1))}`)
  assert.deepEqual(await open(`http://tunnel.test${loop(3)}`, server.connect), {
    opened: 'http://tunnel.test/api/link',
  })
  assert.deepEqual(await open(`http://tunnel.test${loop(4)}`, server.connect), { status: 302 })
})

test('why there is no connection is passed on', async () => {
  const error = new Error('no way')
  const connect: Connect = (_url, _onSocket, onError) => {
    onError(error)
    return () => {}
  }
  assert.deepEqual(await open('http://tunnel.test/api/link', connect), { error })
})

test('giving up gives up connecting', () => {
  let stopped = 0
  const stop = openHandshake({
    url: 'http://tunnel.test/api/link',
    protocol: SUBPROTOCOL,
    timeoutMs: 30_000,
    connect: () => () => stopped++,
    onOpen: () => assert.fail('opened'),
    onRefused: () => assert.fail('refused'),
    onError: () => assert.fail('failed'),
  })
  stop()
  assert.equal(stopped, 1)
})
