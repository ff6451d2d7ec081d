import assert from 'node:assert/strict'
import { once } from 'node:events'
import net, { type AddressInfo, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { TunnelError } from 'tunnel-protocol'
import { connectThrough } from './connect-through.js'
import { parseProxy } from './proxy.js'

/** A proxy that reads a head and answers as told. */
async function proxy(t: TestContext, answer: (socket: Socket, head: string) => void) {
  const sockets = new Set<Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    let head = ''
    socket.on('error', () => {})
    socket.on('data', function read(part) {
      head += part
      if (!head.includes('\r\n\r\n')) return
      socket.off('data', read)
      answer(socket, head)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { port, sockets, name: `http://127.0.0.1:${port}` }
}

function through(url: string, proxyUrl: string): Promise<Socket> {
  return new Promise((resolve, reject) =>
    connectThrough(parseProxy(proxyUrl, 'proxy'), new URL(url), undefined, resolve, reject),
  )
}

async function failure(url: string, proxyUrl: string): Promise<TunnelError> {
  return through(url, proxyUrl).then(
    () => assert.fail('it connected'),
    (error: TunnelError) => error,
  )
}

for (const [url, target] of [
  ['https://tunnel.test', 'tunnel.test:443'],
  ['http://tunnel.test', 'tunnel.test:80'],
  ['https://[2001:db8::7]:8443', '[2001:db8::7]:8443'],
] as const) {
  test(`the way to ${url} is asked for as ${target}, and leads there`, async (t) => {
    let asked = ''
    const { port } = await proxy(t, (socket, head) => {
      asked = head
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.on('data', (part) => socket.write(`echo ${part}`))
    })
    const socket = await through(url, `http://user:p%40ss@127.0.0.1:${port}`)
    t.after(() => socket.destroy())
    socket.write('hello')
    assert.equal(String((await once(socket, 'data'))[0]), 'echo hello')
    const [first, ...fields] = asked.trimEnd().split('\r\n')
    assert.equal(first, `CONNECT ${target} HTTP/1.1`)
    assert.deepEqual(
      fields.sort(),
      [`Host: ${target}`, 'Connection: keep-alive', `Proxy-Authorization: Basic ${btoa('user:p@ss')}`].sort(),
    )
  })
}

const asksForBasic = 'Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm="x"\r\n'
const rows: Array<[string, string, string, string, RegExp]> = [
  ['wants credentials', '', `407 Nope\r\n${asksForBasic}`, 'TUN_ERR_PROXY', /wants credentials \(407\): put them/],
  [
    'knows others',
    'u:secret@',
    `407 Nope\r\n${asksForBasic}`,
    'TUN_ERR_PROXY',
    /does not accept the user and password/,
  ],
  [
    'speaks NTLM',
    'u:secret@',
    '407 Nope\r\nProxy-Authenticate: NTLM\r\n',
    'TUN_ERR_PROXY',
    /not supported \(407\): it/,
  ],
  ['lets nobody out', '', '403 Forbidden\r\n', 'TUN_ERR_PROXY', /does not let us through to tunnel\.test:443 \(403\)/],
  ['redirects', '', '302 Found\r\nLocation: http://x/\r\n', 'TUN_ERR_PROXY', /does not let us through .* \(302\)/],
  ['finds nobody', '', '502 Bad Gateway\r\n', 'TUN_ERR_CONNECT', /cannot reach tunnel\.test:443 \(502\)/],
  ['is busy', '', '429 Too Many\r\n', 'TUN_ERR_CONNECT', /cannot reach tunnel\.test:443 \(429\)/],
]
for (const [what, user, answer, code, detail] of rows) {
  test(`a proxy that ${what} is told as such, without a secret`, async (t) => {
    const { port, name } = await proxy(t, (socket) => socket.end(`HTTP/1.1 ${answer}Content-Length: 2\r\n\r\nno`))
    const error = await failure('https://tunnel.test', `http://${user}127.0.0.1:${port}`)
    assert.equal(error.code, code)
    assert.match(error.detail, detail)
    assert.ok(error.detail.includes(`the proxy at ${name}`), error.detail)
    assert.ok(!error.detail.includes('secret'))
  })
}

const notProxies: Array<[string, string]> = [
  ['SSH', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['garbage', '\x00\x01\x02\xff\r\n\r\n'],
  ['bytes behind its answer', 'HTTP/1.1 200 OK\r\n\r\nwelcome'],
  ['a head without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}`],
]
for (const [what, bytes] of notProxies) {
  test(`what answers with ${what} is no proxy`, async (t) => {
    const { port, name } = await proxy(t, (socket) => socket.write(bytes, 'latin1'))
    const error = await failure('https://tunnel.test', name)
    assert.deepEqual(
      [error.code, error.detail],
      ['TUN_ERR_PROXY', `what answers at http://127.0.0.1:${port} is not a proxy`],
    )
  })
}

test('a proxy that closes the connection, or that is not there, can be tried again', async (t) => {
  const { name } = await proxy(t, (socket) => socket.end())
  const closed = await failure('https://tunnel.test', name)
  assert.equal(closed.code, 'TUN_ERR_CONNECT')
  assert.match(closed.detail, /^cannot reach the proxy at http:\/\/127\.0\.0\.1:\d+: it closed the connection/)
  const absent = await failure('https://tunnel.test', 'http://127.0.0.1:1')
  assert.equal(absent.code, 'TUN_ERR_CONNECT')
  assert.match(absent.detail, /^cannot reach the proxy at http:\/\/127\.0\.0\.1:1: nothing is listening there/)
})

test('a proxy that says nothing is given up, and its connection too', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { name, sockets } = await proxy(t, (socket) => {
    socket.on('close', () => sockets.delete(socket))
    t.mock.timers.tick(10_000)
  })
  const error = await failure('https://tunnel.test', name)
  assert.deepEqual([error.code, error.detail], ['TUN_ERR_CONNECT', `the proxy at ${name} did not answer in time`])
  for (const socket of sockets) if (!socket.destroyed) await once(socket, 'close')
})

test('whoever gives up hears nothing more, and leaves no connection', async (t) => {
  let onAsked = (_socket: Socket) => {}
  const asked = new Promise<Socket>((resolve) => {
    onAsked = resolve
  })
  const { name } = await proxy(t, (socket) => onAsked(socket))
  const unexpected = () => assert.fail('called')
  const giveUp = connectThrough(parseProxy(name, 'proxy'), new URL('https://x.test'), undefined, unexpected, unexpected)
  const socket = await asked
  socket.resume()
  const closed = once(socket, 'close')
  giveUp()
  await closed
})
