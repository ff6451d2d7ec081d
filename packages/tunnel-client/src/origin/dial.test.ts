import assert from 'node:assert/strict'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, mock, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Dialer } from './dial.js'
import type { DialFailure, FailureKind } from './dial-failure.js'
import { originTarget, type TargetInput } from './target.js'
import { originTrust } from './trust.js'

const folder = mkdtempSync(join(tmpdir(), 'tunnel-dial-'))
after(() => rmSync(folder, { recursive: true }))
const posix = process.platform === 'win32' ? 'sockets are no files on Windows' : false

/** A dialer, what it has told its observer, and its dials as promises. */
function dialerTo(input: TargetInput): { told: string[]; dial: () => Promise<Socket> } {
  const target = originTarget(input)
  const told: string[] = []
  const dialer = new Dialer(target, originTrust(target, {}), {
    onUnreachable: ({ error }) => told.push(error.detail),
    onReachable: () => told.push('up'),
  })
  return { told, dial: () => new Promise((resolve, reject) => dialer.dial(resolve, reject)) }
}

async function listen(server: net.Server, where: net.ListenOptions): Promise<void> {
  server.listen(where)
  await once(server, 'listening')
}

async function failure(dialing: Promise<Socket>): Promise<{ code: string; detail: string; kind: FailureKind }> {
  const { error, kind } = await dialing.then(
    () => assert.fail('a connection came about'),
    (reason: DialFailure) => reason,
  )
  return { code: error.code, detail: error.detail, kind }
}

test('a port that nobody listens on is an app that is away, whatever addresses localhost has here', async () => {
  const server = net.createServer()
  await listen(server, { port: 0, host: '127.0.0.1' })
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  for (const host of ['127.0.0.1', 'localhost']) {
    assert.deepEqual(await failure(dialerTo({ host, port }).dial()), {
      code: 'TUN_ERR_ORIGIN_REFUSED',
      detail: `nothing is listening on ${host}:${port}`,
      kind: 'absent',
    })
  }
})

test('the system is told to hold nothing back: a small body may follow its head in a write of its own', async () => {
  const server = net.createServer((socket) => socket.resume())
  await listen(server, { port: 0, host: '127.0.0.1' })
  const { port } = server.address() as AddressInfo
  const probe = net.connect(port, '127.0.0.1')
  // What every TCP socket of Node asks the system through.
  const handles: { setNoDelay(on: boolean): number } = Object.getPrototypeOf(
    (probe as unknown as { _handle: object })._handle,
  )
  await once(probe, 'connect')
  const setNoDelay = mock.method(handles, 'setNoDelay')
  const socket = await dialerTo({ host: '127.0.0.1', port }).dial()
  setNoDelay.mock.restore()
  for (const each of [probe, socket]) each.destroy()
  server.close()
  assert.deepEqual(
    setNoDelay.mock.calls.map((call) => call.arguments),
    [[true]],
  )
})

test('a Unix socket that cannot be connected to says why', { skip: posix }, async () => {
  const path = (name: string) => join(folder, name)
  writeFileSync(path('file'), '')
  const server = net.createServer()
  await listen(server, { path: path('bound') })
  renameSync(path('bound'), path('stale')) // or it would be removed on close
  await new Promise((closed) => server.close(closed))
  for (const [name, kind, detail] of [
    ['missing', 'absent', `there is no socket at ${path('missing')}`],
    ['file', 'lasting', `${path('file')} is not a socket`],
    ['file/below', 'lasting', `cannot connect to ${path('file/below')} (ENOTDIR)`],
    ['stale', 'absent', `nothing is listening on the socket ${path('stale')}`],
  ] as const) {
    const { dial } = dialerTo({ unix: path(name) })
    assert.deepEqual(await failure(dial()), { code: 'TUN_ERR_ORIGIN_REFUSED', detail, kind })
  }
})

test('a Unix socket of somebody else says so', { skip: posix }, async (t) => {
  const path = join(folder, 'private')
  const server = net.createServer()
  await listen(server, { path })
  chmodSync(path, 0)
  if (process.geteuid!() === 0) {
    process.seteuid!(65_534) // root may use every socket
    t.after(() => process.seteuid!(0))
  }
  const { detail, kind } = await failure(dialerTo({ unix: path }).dial())
  if (process.getuid!() === 0) process.seteuid!(0)
  assert.equal(detail, `the socket ${path} may not be used by this user (EACCES)`)
  assert.equal(kind, 'lasting')
  await new Promise((closed) => server.close(closed))
})

test('the observer hears once that the app is down, and once that it is up', { skip: posix }, async () => {
  const path = join(folder, 'restarted')
  const { told, dial } = dialerTo({ unix: path })
  for (let i = 0; i < 3; i++) await failure(dial())
  const server = net.createServer()
  await listen(server, { path })
  for (let i = 0; i < 3; i++) (await dial()).destroy()
  assert.deepEqual(told, [`there is no socket at ${path}`, 'up'])
  await new Promise((closed) => server.close(closed))
})

test('an app on a Unix socket that is slow to accept gets all connections in the end', {
  skip: process.platform === 'linux' ? false : 'other systems wait by themselves',
}, async () => {
  const path = join(folder, 'busy')
  const held = new Int32Array(new SharedArrayBuffer(4))
  const app = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const server = require('node:net').createServer((socket) => socket.on('error', () => {}))
     server.listen({ path: workerData.path, backlog: 1 }, () => {
       parentPort.postMessage('listening')
       Atomics.wait(workerData.held, 0, 0)
     })`,
    { eval: true, workerData: { path, held } },
  )
  await once(app, 'message')
  const { told, dial } = dialerTo({ unix: path })
  let done = 0
  const dialing = Array.from({ length: 20 }, () => dial().finally(() => done++))
  // Those that fit into the queue connect without being accepted; the system turns the others away at once.
  while (done < 2) await new Promise((turn) => setImmediate(turn))
  assert.ok(done < 20, 'the queue was not full, and this test shows nothing')
  Atomics.store(held, 0, 1)
  Atomics.notify(held, 0)
  for (const socket of await Promise.all(dialing)) socket.destroy()
  assert.deepEqual(told, [])
  await app.terminate()
})

const handshakes: Array<[string, (socket: Socket) => void, RegExp, FailureKind]> = [
  ['ends', (socket) => socket.end(), /closed the connection in the middle of the TLS handshake$/, 'cut'],
  ['resets', (socket) => socket.resetAndDestroy(), /closed the connection in the middle of the TLS handshake$/, 'cut'],
  [
    'answers in HTTP',
    (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    /does not speak HTTPS: leave out https/,
    'lasting',
  ],
  [
    'answers in TLS alerts',
    (socket) => socket.end(Buffer.from('15030300020228', 'hex')),
    /^no TLS connection to .* \(ERR_SSL_/,
    'lasting',
  ],
]
for (const [what, answer, detail, kind] of handshakes) {
  test(`an app that ${what} when TLS is tried is a failure of TLS, and of that connection only`, async () => {
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => answer(socket))
    })
    await listen(server, { port: 0, host: '127.0.0.1' })
    const { port } = server.address() as AddressInfo
    const { told, dial } = dialerTo({ port, https: true })
    for (let i = 0; i < 20; i++) {
      const error = await failure(dial())
      assert.equal(error.code, 'TUN_ERR_ORIGIN_TLS')
      assert.match(error.detail, detail)
      assert.equal(error.kind, kind)
    }
    assert.equal(told.length, 1)
    await new Promise((closed) => server.close(closed))
  })
}
