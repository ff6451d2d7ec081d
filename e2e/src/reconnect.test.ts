import assert from 'node:assert/strict'
import http from 'node:http'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { eventually } from './support/process.js'
import { open, responseOf, visit } from './support/visitor.js'
import { World } from './support/world.js'

const hello: http.RequestListener = (_request, response) => response.end('hello')

async function answersAgain(world: World, name: string): Promise<void> {
  await eventually(`${name} answers again`, async () => {
    const answer = await visit(world, name, '/').catch(() => undefined)
    return answer?.status === 200 && answer.text === 'hello'
  })
}

test('after the server was killed and started again, a running agent is back under the same name', async () => {
  await using world = await World.start()
  const port = await world.app(hello)
  const agent = await world.agent('demo', port)
  const random = world.tunnel([String(port)])
  const [randomUrl] = await random.waitFor(/http\S+/, 'stdout')
  const randomName = new URL(randomUrl).hostname.split('.')[0]!
  for (let i = 0; i < 2; i++) {
    world.server.kill('SIGKILL')
    await world.server.exited
    await world.startServer()
    await answersAgain(world, 'demo')
    await answersAgain(world, randomName)
  }
  assert.equal(agent.running, true)
  assert.equal(random.stdout, `${randomUrl}\n`, 'the URL is printed once')
})

test('a server that shuts down in order is waited for as well', async () => {
  await using world = await World.start()
  const agent = await world.agent('demo', await world.app(hello))
  world.server.kill('SIGTERM')
  assert.equal(await world.server.exitCode(), 0)
  await world.startServer()
  await answersAgain(world, 'demo')
  assert.equal(agent.running, true)
})

test('an agent that was killed gets its name back, and only it does', async () => {
  await using world = await World.start({ args: ['--park', '1s'] })
  const port = await world.app(hello)
  const state = world.newState()
  const first = await world.agent('demo', port, { state })
  first.kill('SIGKILL')
  await first.exited
  await eventually('the tunnel is away', async () => (await visit(world, 'demo', '/')).status === 503)

  const stranger = world.tunnel(['-p', String(port), '-s', 'demo'])
  assert.equal(await stranger.exitCode(), 73)
  assert.match(stranger.stderr, /the name "demo" is kept for an agent that is away for a moment/)

  await world.agent('demo', port, { state })
  await answersAgain(world, 'demo')
})

test('while the agent is away visitors get 503 with Retry-After; the page says which tunnel', async () => {
  await using world = await World.start({ args: ['--park', '1s'] })
  const agent = await world.agent('demo', await world.app(hello))
  agent.kill('SIGKILL')
  await agent.exited
  const answer = await eventually('the server notices', async () => {
    const page = await visit(world, 'demo', '/', { headers: { accept: 'text/html' } })
    return page.status === 503 && page
  })
  assert.equal(answer.headers['retry-after'], '1')
  assert.equal(answer.headers['x-tunnel-error'], 'TUN_ERR_TUNNEL_OFFLINE')
  assert.match(answer.text, /demo/)
})

test('Ctrl-C leaves at once when nothing is open: exit code 0, and the name is free', async () => {
  await using world = await World.start()
  const port = await world.app(hello)
  const agent = await world.agent('demo', port)
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0)
  await eventually('the name is free', async () => (await visit(world, 'demo', '/')).status === 404)
  await world.agent('demo', port)
})

test('Ctrl-C frees the name and lets an open request end; a second one leaves at once with 130', async () => {
  await using world = await World.start()
  let finish = () => {}
  const port = await world.app((request, response) => {
    if (request.url === '/probe') {
      response.end()
      return
    }
    response.write('begun ')
    finish = () => void response.end('and ended')
  })
  const patient = await world.agent('demo', port)
  const request = open(world, 'demo', '/')
  request.end()
  const response = await responseOf(request)
  patient.kill('SIGINT')
  await patient.waitFor(/waiting for open requests/, 'stderr')
  await eventually('the name is free', async () => (await visit(world, 'demo', '/probe')).status === 404)
  finish()
  let text = ''
  for await (const part of response) text += part
  assert.equal(text, 'begun and ended')
  assert.equal(await patient.exitCode(), 0)

  const hasty = await world.agent('hasty', port)
  const stuck = open(world, 'hasty', '/')
  stuck.on('error', () => {})
  stuck.end()
  ;(await responseOf(stuck)).on('error', () => {}).resume()
  hasty.kill('SIGINT')
  await hasty.waitFor(/waiting for open requests/, 'stderr')
  hasty.kill('SIGINT')
  assert.equal(await hasty.exitCode(), 130)
})

test('with --wait-for-origin 0 an app that is down is a 502 at once that names the port; the tunnel works again when it is up', async () => {
  await using world = await World.start()
  const server = http.createServer(hello)
  const port = await world.listen(server)
  const agent = await world.agent('demo', port, { args: ['--wait-for-origin', '0'] })
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))

  const down = await visit(world, 'demo', '/', { headers: { accept: 'application/json' } })
  assert.equal(down.status, 502)
  assert.equal(down.headers['x-tunnel-error'], 'TUN_ERR_ORIGIN_REFUSED')
  assert.equal(down.headers['retry-after'], '1')
  assert.equal(JSON.parse(down.text).error.message, `nothing is listening on localhost:${port}`)
  await agent.waitFor(
    new RegExp(`nothing is listening on localhost:${port}; the tunnel stays open, and works as soon as the app does`),
    'stderr',
  )

  await world.listen(http.createServer(hello), '127.0.0.1', port)
  await answersAgain(world, 'demo')
  await agent.waitFor(/answers again/, 'stderr')
})

const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))

test('localhost is ::1 or 127.0.0.1, whichever the app listens on', {
  skip: hasIpv6 ? false : 'no IPv6 loopback here',
}, async () => {
  await using world = await World.start()
  const six = http.createServer((_request, response) => response.end('six'))
  const port = await world.listen(six, '::1')
  await world.agent('demo', port)
  assert.equal((await visit(world, 'demo', '/')).text, 'six')
  six.closeAllConnections()
  await new Promise((closed) => six.close(closed))
  await world.listen(
    http.createServer((_request, response) => response.end('four')),
    '127.0.0.1',
    port,
  )
  assert.equal((await visit(world, 'demo', '/')).text, 'four')
})

test('a tunnel that goes down in the middle of an answer breaks it off, it does not end it', async () => {
  await using world = await World.start({ args: ['--resume-grace', '1s'] })
  const agent = await world.agent(
    'demo',
    await world.app((_request, response) => {
      response.write('begun')
    }),
  )
  const request = open(world, 'demo', '/')
  request.end()
  const response = await responseOf(request)
  response.resume()
  agent.kill('SIGKILL')
  await assert.rejects(async () => {
    for await (const _ of response);
  }, /aborted|ECONNRESET/)
})
