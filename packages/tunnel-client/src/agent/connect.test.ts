import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import net, { type AddressInfo, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { acceptHandshake, type Link, SUBPROTOCOL, type TunnelError } from 'tunnel-protocol'
import { Outbound } from '../outbound/outbound.js'
import { linkOpener } from './connect.js'

/** A server, which is a proxy to itself as well. `firstBytes`: the first that an agent sends on its link. */
async function server(t: TestContext, answer?: string) {
  let onFirstBytes = (_bytes: Buffer) => {}
  const firstBytes = new Promise<Buffer>((resolve) => {
    onFirstBytes = resolve
  })
  const sockets = new Set<Socket>()
  const listener = http.createServer()
  listener.on('connection', (socket) => sockets.add(socket))
  listener.on('upgrade', (request, socket: Socket) => {
    socket.on('error', () => {})
    if (answer !== undefined) {
      socket.end(answer)
      return
    }
    acceptHandshake(request, socket, SUBPROTOCOL)
    socket.once('data', onFirstBytes)
  })
  listener.on('connect', (_request, socket: Socket) => {
    const upstream = net.connect(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.pipe(socket).pipe(upstream)
    })
    for (const end of [socket, upstream]) end.on('error', () => {})
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    listener.close()
  })
  return { url: `http://127.0.0.1:${port}`, firstBytes }
}

function open(url: string, proxy: string): Promise<Link> {
  const openLink = linkOpener(new Outbound(url, { proxy }))
  return new Promise((resolve, reject) => openLink(url, '', resolve, reject))
}

/** Of a short frame from an agent (RFC 6455 section 5.2). */
const maskOf = (frame: Buffer) => frame.readUInt32BE(2)

test('a link that does not leave the machine is masked with zeros, one through a proxy with a key that nobody knows', async (t) => {
  for (const isProxied of [false, true]) {
    const { url, firstBytes } = await server(t)
    const link = await open(url, isProxied ? url : 'none')
    link.send([Buffer.from('hello')])
    assert.equal(maskOf(await firstBytes) !== 0, isProxied)
    link.destroy()
  }
})

const head = (first: string, ...fields: string[]) =>
  `HTTP/1.1 ${[first, ...fields].join('\r\n')}\r\nContent-Length: 0\r\n\r\n`
const rows: Array<[string, string, string, RegExp]> = [
  [
    'leads elsewhere',
    head('301 x', 'Location: https://x.test/y'),
    'TUN_ERR_NOT_A_SERVER',
    /leads to https:\/\/x\.test: if/,
  ],
  [
    'leads nowhere',
    head('302 x', 'Location: javascript:x'),
    'TUN_ERR_NOT_A_SERVER',
    /answered 302, it is not a tunnel/,
  ],
  ['has nothing there', head('404 x'), 'TUN_ERR_NOT_A_SERVER', /answered 404, it is not a tunnel-server/],
  ['is restarting', head('502 x'), 'TUN_ERR_CONNECT', /it answered 502/],
  ['is overloaded', head('429 x'), 'TUN_ERR_CONNECT', /it answered 429/],
  ['is of another version', head('426 x', 'X-Tunnel-Error: TUN_ERR_VERSION'), 'TUN_ERR_VERSION', /update the older/],
  ['speaks something else', 'SSH-2.0-x\r\n', 'TUN_ERR_NOT_A_SERVER', /answers, but is not a tunnel-server/],
]
for (const [what, answer, code, detail] of rows) {
  test(`a server that ${what} is ${code}`, async (t) => {
    const { url } = await server(t, answer)
    await assert.rejects(open(url, 'none'), (error: TunnelError) => {
      assert.equal(error.code, code)
      assert.match(error.detail, detail)
      return error.detail.includes(url)
    })
  })
}
