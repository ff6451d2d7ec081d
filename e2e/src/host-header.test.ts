import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { WebSocket, WebSocketServer } from 'ws'
import { RawVisitor, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

const run = promisify(execFile)
const curlMissing = await run('curl', ['--version']).then(
  () => false as const,
  () => 'no curl here',
)

test('a client that follows redirects and keeps cookies signs in to an app that knows itself by its own address only', {
  skip: curlMissing,
}, async () => {
  await using world = await World.start()
  const port = await world.app((request, response) => {
    const { host, cookie } = request.headers
    if (request.url === '/') {
      response.writeHead(302, { location: `http://${host}/login` }).end()
    } else if (request.url === '/login') {
      response.setHeader('Set-Cookie', [
        `id=7; Path=/; Domain=localhost; HttpOnly`,
        'theme=dark',
        'id2=8; domain=.localhost',
      ])
      response.writeHead(303, { location: `//${host}/home?from=login` }).end()
    } else {
      response.end(`${request.url} at ${host} with ${cookie}`)
    }
  })
  await world.agent('demo', port, { args: ['--host-header', 'rewrite'] })
  const start = `http://demo.localhost:${world.port}/`
  const resolve = `demo.localhost:${world.port}:127.0.0.1`
  const args = ['-sS', '-L', '--max-time', '30', '--noproxy', '*', '-b', '', '--resolve', resolve]
  const { stdout } = await run('curl', [...args, '-w', '\n%{url_effective}', start])
  const [text, url] = stdout.split('\n')
  assert.equal(url, `${start}home?from=login`)
  const [, cookies = ''] = /^\/home\?from=login at localhost:\d+ with (.*)$/.exec(text!) ?? []
  assert.deepEqual(cookies.split('; ').sort(), ['id2=8', 'id=7', 'theme=dark'])
})

test('only what names the app is mapped, in interim answers too; without the flag nothing is', async () => {
  await using world = await World.start()
  const hosts: string[] = []
  const port: number = await world.rawApp((socket) => {
    socket.on('data', (bytes: Buffer) => {
      hosts.push(
        ...bytes
          .toString()
          .split('\r\n')
          .filter((line) => /^host:/i.test(line)),
      )
      socket.write(
        `HTTP/1.1 103 Early Hints\r\nContent-Location: http://LOCALHOST:${port}/early\r\n\r\n` +
          `HTTP/1.1 201 Made\r\nlocation:  HTTP://127.0.0.1:${port}\r\nX-Location: http://localhost:${port}/\r\n` +
          `SET-Cookie: a=1; domain=localhost;Secure\r\nLink: <http://localhost:${port}/>\r\nSET-Cookie: a=1; domain=localhost;Secure\r\n` +
          `Refresh: 9; url=http://localhost:${port}/r\r\nLocation: http://localhost:1/\r\nContent-Length: 0\r\n\r\n`,
      )
    })
  })
  await world.agent('plain', port)
  await world.agent('demo', port, { args: ['--host-header', 'rewrite'] })
  const answerTo = async (name: string) => {
    const visitor = new RawVisitor(world)
    visitor.send(`GET / HTTP/1.1\r\nhOST:\t${name}.localhost \r\nX-Forwarded-Host: evil.test\r\n\r\n`)
    return within(
      'the answer',
      visitor.until((text) => text.endsWith('Content-Length: 0\r\n\r\n')),
    )
  }
  const plain = await answerTo('plain')
  assert.equal(
    await answerTo('demo'),
    plain
      .replace(`http://LOCALHOST:${port}/early`, 'http://demo.localhost/early')
      .replace(`HTTP://127.0.0.1:${port}`, 'http://demo.localhost')
      .replaceAll('domain=localhost;', 'domain=demo.localhost;')
      .replace(`url=http://localhost:${port}/r`, 'url=http://demo.localhost/r'),
  )
  assert.match(
    plain,
    new RegExp(`^HTTP/1.1 103 Early Hints\r\nContent-Location: http://LOCALHOST:${port}/early\r\n\r\n`),
  )
  assert.deepEqual(hosts, ['hOST:\tplain.localhost ', `hOST:\tlocalhost:${port} `])
})

test('with a Host of its own choosing, the app is mapped back by that and by where it listens', async () => {
  await using world = await World.start()
  const port = await world.app((request, response) => {
    response.writeHead(302, { location: decodeURIComponent(request.url!.slice(1)) }).end(request.headers.host)
  })
  await world.agent('demo', port, { args: ['--host-header', 'app.internal'] })
  const redirect = async (to: string) => (await visit(world, 'demo', `/${encodeURIComponent(to)}`)).headers.location
  const home = `http://demo.localhost:${world.port}`
  assert.equal((await visit(world, 'demo', '/x')).text, 'app.internal')
  assert.equal(await redirect('https://app.internal/a?b'), `${home}/a?b`)
  assert.equal(await redirect(`http://localhost:${port}/a`), `${home}/a`)
  assert.equal(await redirect('http://app.internal:81/a'), 'http://app.internal:81/a')
  assert.equal(await redirect('https://example.com/'), 'https://example.com/')
})

test('a WebSocket is upgraded by an app that sees another Host, and its cookie is mapped back', async () => {
  await using world = await World.start()
  const sockets = new WebSocketServer({ noServer: true })
  const port = await world.app(
    (_request, response) => response.end(),
    (request, socket, head) => {
      sockets.once('headers', (lines: string[]) => lines.push('Set-Cookie: ws=1; Domain=app.internal'))
      sockets.handleUpgrade(request, socket, head, (websocket) => websocket.send(request.headers.host!))
    },
  )
  await world.agent('demo', port, { args: ['--host-header', 'app.internal'] })
  const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`, { headers: { host: 'demo.localhost' } })
  world.onLeave(async () => socket.terminate())
  const upgraded = once(socket, 'upgrade') as Promise<[import('node:http').IncomingMessage]>
  const message = once(socket, 'message') as Promise<[Buffer]>
  const [{ headers }] = await within('the upgrade', upgraded)
  assert.deepEqual(headers['set-cookie'], ['ws=1; Domain=demo.localhost'])
  assert.equal((await within('the Host', message))[0].toString(), 'app.internal')
})
