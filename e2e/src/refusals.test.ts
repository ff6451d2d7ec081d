import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { errorTable, FrameType, SUBPROTOCOL } from 'tunnel-protocol'
import { WebSocket, WebSocketServer } from 'ws'
import { BareLink, control, frame, openBareLink } from './support/link.js'
import { eventually, type Running } from './support/process.js'
import { open, RawVisitor, readAll, responseOf, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { serverBin, World } from './support/world.js'

/** A command that must end: with this code, nothing on stdout, and one line on stderr, which is returned. */
async function oneLine(command: Running, exitCode: number): Promise<string> {
  assert.equal(await command.exitCode(), exitCode, command.output)
  assert.equal(command.stdout, '')
  const lines = command.stderr.split('\n')
  assert.equal(lines.pop(), '', 'the line ends')
  assert.equal(lines.length, 1, command.stderr)
  return lines[0]!
}

async function freePort(): Promise<number> {
  const probe = net.createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const { port } = probe.address() as AddressInfo
  await new Promise((resolve) => probe.close(resolve))
  return port
}

// What visitors get

test('a connection to the bare domain carries one request: what comes behind it may be for a tunnel', async () => {
  await using world = await World.start()
  const visitor = new RawVisitor(world)
  const health = 'GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n'
  visitor.send(health + health)
  await within('the end', visitor.closed())
  assert.match(visitor.received, /^HTTP\/1\.1 200 OK\r\n(?!.*HTTP\/1\.1).*\r\nconnection: close\r\n/is)
})

test('an unknown name is a 404 that names it, in the type the visitor asks for, with nothing unescaped', async () => {
  await using world = await World.start()
  const host = `no&'such.localhost:${world.port}`
  const get = (accept?: string) =>
    visit(world, 'x', '/', { headers: { host, ...(accept === undefined ? {} : { accept }) } })

  const html = await get('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8')
  assert.equal(html.status, 404)
  assert.equal(html.headers['content-type'], 'text/html; charset=utf-8')
  assert.equal(html.headers['x-tunnel-error'], 'TUN_ERR_NO_TUNNEL')
  assert.match(html.text, /^<!doctype html>/)
  assert.match(html.text, /no&amp;&#39;such/)
  assert.ok(!html.text.includes("no&'such"))

  const json = await get('application/json')
  assert.equal(json.status, 404)
  assert.equal(json.headers['content-type'], 'application/json; charset=utf-8')
  const { error } = JSON.parse(json.text)
  assert.deepEqual([error.code, error.status], ['TUN_ERR_NO_TUNNEL', 404])
  assert.match(error.message, /no&'such/)

  for (const accept of [undefined, '*/*', 'text/plain']) {
    const text = await get(accept)
    assert.equal(text.status, 404)
    assert.equal(text.headers['content-type'], 'text/plain; charset=utf-8')
    assert.match(text.text, /no&'such/)
  }
  const preferred = await get('text/html;q=0.1, application/json;q=0.9')
  assert.match(preferred.headers['content-type']!, /^application\/json/)
})

test('what is no HTTP gets a 400 and the end of its connection, and other visitors notice nothing', async () => {
  await using world = await World.start()
  const port = await world.app((request, response) => {
    response.flushHeaders()
    request.pipe(response)
  })
  await world.agent('demo', port)
  const other = open(world, 'demo', '/', { method: 'POST', headers: { 'transfer-encoding': 'chunked' } })
  other.flushHeaders()
  const otherAnswer = await within('a head', responseOf(other))

  const host = 'Host: demo.localhost\r\n'
  for (const garbage of [
    'what is this\r\n\r\n',
    `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n`,
    'GET / HTTP/1.1\r\n\r\n',
    `GET / HTTP/1.1\r\n${host}${host}\r\n`,
    `GET / HTTP/1.1\r\n${host}Bad Name: x\r\n\r\n`,
    `GET / HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`,
    `GET / HTTP/1.1\n${host}\n`,
    'GET / HTTP/1.1\rHost: demo.localhost\r\r',
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n`,
    `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n5;\r\nhello\r\n0\r\n\r\n`,
    `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `POST / HTTP/1.1\r\n${host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`,
    `POST / HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
  ]) {
    const visitor = new RawVisitor(world)
    visitor.send(garbage)
    assert.equal(await within(`an answer to ${JSON.stringify(garbage)}`, visitor.closed()), 'ended')
    assert.match(visitor.received, /^HTTP\/1\.1 400 /, JSON.stringify(garbage))
    assert.match(visitor.received, /\r\nX-Tunnel-Error: TUN_ERR_BAD_REQUEST\r\n/i)
  }

  other.end('still here')
  assert.equal((await readAll(otherAnswer)).toString(), 'still here')
})

test('a request head without end is refused with 431 once it is too long', async () => {
  await using world = await World.start({ args: ['--max-header-bytes', '4k'] })
  const visitor = new RawVisitor(world)
  visitor.send(`GET / HTTP/1.1\r\nHost: demo.localhost\r\nX-Long: ${'x'.repeat(8_192)}`)
  assert.equal(await within('the end', visitor.closed()), 'ended')
  assert.match(visitor.received, /^HTTP\/1\.1 431 /)
})

test('a request head that does not arrive in time is given up with 408', async () => {
  await using world = await World.start({ args: ['--head-timeout', '1s'] })
  const visitor = new RawVisitor(world)
  visitor.send('GET / HTTP/1.1\r\nHost: demo.loc')
  assert.equal(await within('the end', visitor.closed()), 'ended')
  assert.match(visitor.received, /^HTTP\/1\.1 408 /)
})

test('empty lines are not a request head, and put off nothing', async () => {
  await using world = await World.start({ args: ['--head-timeout', '3s'] })
  const visitor = new RawVisitor(world)
  const knocking = setInterval(() => visitor.send('\r\n'), 100)
  try {
    await visitor.closed()
  } finally {
    clearInterval(knocking)
  }
  assert.match(visitor.received, /^HTTP\/1\.1 408 /)
})

// Names and tokens

test('a name that breaks the rule is refused with the rule, a reserved one as such', async () => {
  await using world = await World.start()
  for (const name of ['-begins', 'ends-', 'under_score', 'two.labels', 'with space', 'ümlaut', 'x'.repeat(64)]) {
    const line = await oneLine(world.tunnel(['8089', `--subdomain=${name}`]), 65)
    assert.match(line, /^tunnel: /)
    assert.match(line, /is not a valid name: a name has 1 to 63 of a-z, 0-9 and "-"/)
  }
  for (const name of ['www', 'api', 'ADMIN']) {
    assert.match(
      await oneLine(world.tunnel(['8089', '-s', name]), 65),
      new RegExp(`"${name.toLowerCase()}" is reserved`),
    )
  }
  assert.match(await oneLine(world.tunnel(['8089', '-s', 'xn--80ak6aa92e']), 65), /"--" in third place/)
})

test('a name that another agent holds is refused, and the other goes on', async () => {
  await using world = await World.start()
  await world.agent('demo', await world.app((_request, response) => response.end('the first')))
  assert.match(await oneLine(world.tunnel(['8089', '-s', 'DEMO']), 73), /"demo" is in use/)
  assert.equal((await visit(world, 'demo', '/')).text, 'the first')
})

test('a server that wants a token refuses an agent without one and with a wrong one', async () => {
  await using world = await World.start({ env: { TUNNEL_TOKENS: 'one,two' } })
  assert.match(await oneLine(world.tunnel(['8089']), 77), /wants a token: set TUNNEL_TOKEN/)
  const wrong = await oneLine(world.tunnel(['8089'], { env: { TUNNEL_TOKEN: 'three' } }), 77)
  assert.match(wrong, /does not know the token/)
  assert.ok(!wrong.includes('three'))
  const port = await world.app((_request, response) => response.end('in'))
  for (const TUNNEL_TOKEN of ['one', 'two']) {
    await world.agent(TUNNEL_TOKEN, port, { env: { TUNNEL_TOKEN } })
    assert.equal((await visit(world, TUNNEL_TOKEN, '/')).text, 'in')
  }
})

test('a token shows neither in the list of processes nor in any log', {
  skip: process.platform === 'linux' ? false : 'needs /proc',
}, async () => {
  const secret = 'tkn-3f9c0d-do-not-show'
  const debug = ['--log-level', 'debug']
  await using world = await World.start({ args: [...debug, '--access-log'], env: { TUNNEL_TOKENS: secret } })
  const port = await world.app((_request, response) => response.end('in'))
  const agents = [
    await world.agent('flag', port, { args: ['--token', secret, '--print-requests', ...debug] }),
    await world.agent('flag2', port, { args: [`--token=${secret}`, ...debug] }),
    await world.agent('env', port, { args: debug, env: { TUNNEL_TOKEN: secret } }),
  ]
  await visit(world, 'flag', '/')
  const refused = world.tunnel(['8089', '--token', `${secret}-wrong`, ...debug])
  assert.equal(await refused.exitCode(), 77)
  for (const running of [world.server, ...agents]) {
    assert.ok(!readFileSync(`/proc/${running.pid}/cmdline`, 'latin1').includes(secret), 'the command line shows it')
  }
  for (const agent of agents) {
    agent.kill('SIGINT')
    await agent.exitCode()
  }
  for (const running of [world.server, refused, ...agents]) assert.ok(!running.output.includes(secret), running.output)
})

// What is not a server, or another version

test('an agent of another version is told so, and an agent that meets another version says so', async () => {
  await using world = await World.start()
  const stranger = new WebSocket(`ws://127.0.0.1:${world.port}/api/link`, 'tunnel.v999')
  stranger.on('error', () => {})
  const refusal = await within(
    'a refusal',
    new Promise<IncomingMessage>((resolve) =>
      stranger.once('unexpected-response', (_request, response) => resolve(response)),
    ),
  )
  assert.equal(refusal.statusCode, 426)
  assert.equal(refusal.headers['x-tunnel-error'], 'TUN_ERR_VERSION')
  assert.match((await readAll(refusal)).toString(), /this server speaks tunnel\.v1, the agent offered tunnel\.v999/)

  const newer = http.createServer().on('upgrade', (_request, socket) => {
    socket.end(
      'HTTP/1.1 426 Upgrade Required\r\nX-Tunnel-Error: TUN_ERR_VERSION\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    )
  })
  const url = `http://127.0.0.1:${await world.listen(newer)}`
  const line = await oneLine(world.tunnel(['8089', '--server', url]), 76)
  assert.ok(line.includes(url) && line.includes('tunnel.v1') && line.includes('update'), line)
})

test('a server URL behind which an ordinary web server answers is one line and the end', async () => {
  await using world = await World.start()
  const ordinary = await world.app((request, response) => {
    if (request.url === '/api/link') response.writeHead(404)
    response.end('hello')
  })
  const chatServer = http.createServer()
  const chat = new WebSocketServer({ server: chatServer, handleProtocols: () => false })
  const chatPort = await world.listen(chatServer)
  world.onLeave(async () => {
    for (const client of chat.clients) client.terminate()
    chat.close()
  })
  for (const port of [ordinary, chatPort]) {
    const url = `http://127.0.0.1:${port}`
    const line = await oneLine(world.tunnel(['8089', '--server', url]), 76)
    assert.ok(line.includes(url) && /not a tunnel-server/.test(line), line)
  }
})

test('a server that does not answer is one line that says what was tried, and the tunnel opens when the server is there', async () => {
  await using world = await World.start()
  const port = await freePort()
  const server = `http://localhost:${port}`
  const app = await world.app((_request, response) => response.end('at last'))
  const agent = world.tunnel([`${app}`, '-s', 'patient', '--server', server])
  await agent.waitFor(/cannot reach/, 'stderr')
  const late = world.run(serverBin, ['--port', String(port)])
  await late.waitFor(/is ready on/)
  await agent.waitFor(/^http\S+\n/, 'stdout')
  const answer = await visit({ port } as World, 'patient', '/')
  assert.equal(answer.text, 'at last')
  const complaints = agent.stderr.split('\n').filter((line) => line.includes('cannot reach'))
  assert.equal(complaints.length, 1, agent.stderr)
  assert.ok(complaints[0]!.includes(server), complaints[0])
})

// Flags

test('an unknown flag is exit code 64, an unusable value 78, and each says which', async () => {
  await using world = await World.start()
  for (const bin of [serverBin, undefined]) {
    const run = (args: string[]) => (bin === undefined ? world.tunnel(args) : world.run(bin, args))
    const unknown = run(['--no-such-flag'])
    assert.equal(await unknown.exitCode(), 64)
    assert.match(unknown.stderr, /--no-such-flag/)
    assert.equal(unknown.stdout, '')
    assert.match(await oneLine(run(['--port', '70000']), 78), /--port: .*65535.*"70000"/)
    assert.match(await oneLine(run(['--port', '1', '--ping-interval', 'soon']), 78), /--ping-interval: .*30s.*"soon"/)
    assert.match(await oneLine(run(['--port', '1', '--port', '2']), 78), /--port/)
  }
  assert.match(await oneLine(world.tunnel([]), 78), /port of the local app is missing: tunnel -p 8080/)
  assert.match(await oneLine(world.tunnel(['8089', '--server', 'ftp://x']), 78), /ftp:\/\/x/)
  assert.match(await oneLine(world.run(serverBin, [], { TUNNEL_DRAIN: 'soon' }), 78), /TUNNEL_DRAIN: .*"soon"/)
})

test('a server whose port is taken says so in one line', async () => {
  await using world = await World.start()
  const line = await oneLine(world.run(serverBin, ['--port', String(world.port)]), 78)
  assert.match(line, new RegExp(`^tunnel-server: .*port ${world.port}.* in use.*--port`))
})

// Peers that break the protocol

const HELLO = control({ type: 'hello', window: 262_144, binds: [{ tunnel: 1, name: 'rogue' }] })
const PROTOCOL = errorTable.TUN_ERR_PROTOCOL.wire

test('whatever a rogue agent sends ends its own session with a code, and a download through another goes on', async () => {
  await using world = await World.start()
  let more!: (text: string, last?: boolean) => void
  const port = await world.app((_request, response) => {
    more = (text, last = false) => void (last ? response.end(text) : response.write(text))
    more('begin;')
  })
  await world.agent('demo', port)
  const download = open(world, 'demo', '/')
  download.end()
  const answer = await responseOf(download)
  let text = ''
  answer.setEncoding('utf8').on('data', (part: string) => {
    text += part
  })
  let expected = 'begin;'

  const rows: Array<[what: string, bytes: Buffer | string]> = [
    ['a control message that is not JSON', frame(FrameType.Control, 0, '{')],
    ['a control message that is no object', frame(FrameType.Control, 0, '[]')],
    ['a second hello', HELLO],
    ['an OPEN', frame(FrameType.Open, 1, 'xxxxxGET / HTTP/1.1\r\n')],
    ['data for a stream that was never opened', frame(FrameType.Data, 77, 'data')],
    ['a head for a stream that was never opened', frame(FrameType.Head, 77, 'HTTP/1.1 200 OK\r\n')],
    ['a frame that claims 4 GiB', frame(FrameType.Data, 1, '', 0xffff_ffff)],
    ['a head that claims 1 GiB', frame(FrameType.Head, 1, '', 0x4000_0000)],
    ['a PING of 65 bytes', frame(FrameType.Ping, 0, 'x'.repeat(65))],
    ['a GO_AWAY without a code', frame(FrameType.GoAway, 0, 'x')],
    ['text', 'hello, I am no frame at all, and long enough to be read as one: \u{1f600}'],
    ['noise', Buffer.alloc(4_096, 0xff)],
  ]
  for (const [what, bytes] of rows) {
    const rogue = await openBareLink(world)
    rogue.send(HELLO)
    await eventually('the rogue has its name', () => rogue.controls().some(({ type }) => type === 'bound'))
    rogue.send(bytes)
    await rogue.closed()
    assert.equal(rogue.goneAway?.code, PROTOCOL, `${what}: ${JSON.stringify(rogue.goneAway)}`)
    assert.notEqual(rogue.goneAway?.words, '', what)
    const next = `after ${what};`
    more(next)
    expected += next
    await eventually(`the download goes on after ${what}`, () => text === expected)
    // Its lease would keep the name from the next rogue.
    const { claim } = rogue.controls().find(({ type }) => type === 'bound')!
    const tidy = await openBareLink(world)
    tidy.send(control({ type: 'hello', binds: [{ tunnel: 1, name: 'rogue', claim }] }))
    await eventually('the name is taken back', () => tidy.controls().some(({ type }) => type === 'bound'))
    tidy.send(control({ type: 'leave' }))
    tidy.socket.close()
    await tidy.closed()
  }
  more('end', true)
  await eventually('the download is complete', () => answer.complete)
  assert.equal(text, `${expected}end`)
  assert.ok(world.server.running)
})

test('an agent that answers a visitor with nonsense gives that visitor a 502 or a broken connection, never a mix-up', async () => {
  await using world = await World.start()
  const rows: Array<[what: string, frames: (stream: number) => Buffer, outcome: RegExp]> = [
    ['data before a head', (id) => frame(FrameType.Data, id, 'data'), /^HTTP\/1\.1 502 /],
    ['a head that is no HTTP', (id) => frame(FrameType.Head, id, 'nonsense\r\n'), /^HTTP\/1\.1 502 /],
    [
      '101 without being asked',
      (id) => frame(FrameType.Head, id, 'HTTP/1.1 101 Go\r\nUpgrade: x\r\n'),
      /^HTTP\/1\.1 502 /,
    ],
    [
      'more than Content-Length',
      (id) =>
        Buffer.concat([
          frame(FrameType.Head, id, 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n'),
          frame(FrameType.Data, id, 'abHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
        ]),
      /^HTTP\/1\.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n$/,
    ],
  ]
  for (const [i, [what, frames, outcome]] of rows.entries()) {
    const rogue = await openBareLink(world)
    const name = `rogue${i}`
    rogue.send(control({ type: 'hello', binds: [{ tunnel: 1, name }] }))
    await eventually('the rogue has its name', () => rogue.controls().some(({ type }) => type === 'bound'))
    const visitor = new RawVisitor(world)
    rogue.socket.on('message', (data: Buffer) => {
      if (data[0] === FrameType.Open) rogue.send(frames(data.readUInt32BE(2)))
    })
    visitor.send(`GET / HTTP/1.1\r\nHost: ${name}.localhost\r\nConnection: close\r\n\r\n`)
    await within(`an outcome of ${what}`, visitor.closed())
    assert.match(visitor.received, outcome, what)
    assert.doesNotMatch(visitor.received, /evil/, what)
  }
  assert.ok(world.server.running)
})

test('an agent ends a session with a server that breaks the protocol, says so, and tries again', async () => {
  await using world = await World.start()
  const server = http.createServer()
  const websockets = new WebSocketServer({ server, handleProtocols: () => SUBPROTOCOL })
  const links: BareLink[] = []
  websockets.on('connection', (socket) => {
    const link = new BareLink(socket)
    links.push(link)
    socket.once('message', () => {
      link.send(control({ type: 'welcome', session: `s${links.length}`, window: 262_144, server: 'fake' }))
      link.send(control({ type: 'bound', tunnel: 1, name: 'demo', url: 'http://demo.test', claim: 'c' }))
      if (links.length < 3) link.send(Buffer.alloc(512, 0xee))
    })
  })
  world.onLeave(async () => {
    for (const client of websockets.clients) client.terminate()
    websockets.close()
  })
  const agent = world.tunnel(['8089', '--server', `http://127.0.0.1:${await world.listen(server)}`])
  await agent.waitFor(/^http:\/\/demo\.test\n/, 'stdout')
  await eventually('the agent has come back twice', () => links.length >= 3)
  for (const link of links.slice(0, 2)) {
    await link.closed()
    assert.equal(link.goneAway?.code, PROTOCOL)
  }
  await agent.waitFor(/TUN_ERR_PROTOCOL/, 'stderr')
  assert.ok(agent.running, agent.output)
})
