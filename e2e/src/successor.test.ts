import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cutter } from './support/cutter.js'
import { eventually } from './support/process.js'
import { RawVisitor, visit } from './support/visitor.js'
import { World } from './support/world.js'

test('an agent whose server shuts down serves what is open there and what comes to the successor, at the same time', async () => {
  await using world = await World.start()
  const cutter = await Cutter.start(world)
  let finish = () => {}
  const app = await world.app((request, response) => {
    if (request.url === '/') response.end('hello')
    else {
      response.write('begun ')
      finish = () => void response.end('and ended')
    }
  })
  const agent = await world.agent('demo', app, { env: { TUNNEL_SERVER: cutter.url } })
  const visitor = new RawVisitor(world)
  visitor.send('GET /long HTTP/1.1\r\nHost: demo.localhost\r\n\r\n')
  await visitor.until((received) => received.includes('begun '))

  const old = world.server
  await world.startServer(0)
  cutter.serverPort = world.port
  old.kill('SIGTERM')
  await agent.waitFor(/the server is restarting/, 'stderr')
  await eventually('the successor has the tunnel', async () => (await visit(world, 'demo', '/')).text === 'hello')
  assert.equal(old.running, true, 'the old server waits for what is open')
  finish()
  await visitor.until((received) => received.includes('and ended'))
  assert.equal(await old.exitCode(), 0)

  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  agent.kill('SIGINT')
  assert.equal(await agent.exitCode(), 0)
})
