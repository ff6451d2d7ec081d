import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cutter } from './support/cutter.js'
import { eventually, type Running } from './support/process.js'
import { open, readAll, responseOf, visit } from './support/visitor.js'
import { within } from './support/within.js'
import { World } from './support/world.js'

const MIB = 1024 * 1024

/** How often the agents of this world have opened a tunnel, on whatever link. */
const opened = (world: World) => world.server.output.split('tunnel open').length - 1

/** An agent on three links, all of which are up. */
async function onThreeLinks(world: World, port: number, url = world.url): Promise<Running> {
  const before = opened(world)
  const agent = await world.agent('demo', port, { args: ['--links', '3'], env: { TUNNEL_SERVER: url } })
  await eventually('three links are up', () => opened(world) === before + 3)
  return agent
}

test('of three links one is cut: downloads on the others go on, new requests do not wait, and the third goes on where it was', async () => {
  await using world = await World.start({ args: ['--park', '0'] })
  const cutter = await Cutter.start(world)
  const whole = Buffer.alloc(8 * MIB, 'abcdefghijklmnopqrstuvwxyz0123456789')
  let goOn = () => {}
  const cut = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const app = await world.app(async (request, response) => {
    if (request.url === '/') {
      response.end('hello')
      return
    }
    response.write(whole.subarray(0, MIB))
    await cut
    response.end(whole.subarray(MIB))
  })
  const agent = await onThreeLinks(world, app, cutter.url)

  // Each goes to the link that carries least.
  const answers = await Promise.all([1, 2, 3].map(() => responseOf(open(world, 'demo', '/download').end())))
  cutter.closed = true
  cutter.cutOldest()
  await world.server.waitFor(/agent lost its connection/)
  let done = 0
  const downloads = answers.map((answer) => readAll(answer).finally(() => done++))
  goOn()
  await eventually('the two on the other links are complete', () => done === 2)
  for (let i = 0; i < 6; i++) {
    const { status, text } = await visit(world, 'demo', '/', i < 3 ? {} : { method: 'POST', body: 'x' })
    assert.deepEqual([status, text], [200, 'hello'])
  }
  assert.equal(done, 2)
  cutter.closed = false
  for (const body of await within('the third is complete', Promise.all(downloads))) assert.ok(body.equals(whole))
  assert.equal(opened(world), 3, 'the third link resumed its session')
  assert.doesNotMatch(agent.stderr, /connection was lost/, 'as long as one link is up, nothing is said')

  cutter.closed = true
  cutter.cut()
  await agent.waitFor(/connection was lost/)
  cutter.closed = false
  await agent.waitFor(/online again/)
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  assert.equal(agent.stderr.split('connection was lost').length, 2)
})

test('an agent on several links is one: for its account, for --force, and when it leaves', async () => {
  await using world = await World.start({
    args: ['--max-sessions-per-account', '2'],
    env: { TUNNEL_TOKENS: 'alice' },
  })
  const app = await world.app((_, response) => void response.end('hello'))
  const env = { TUNNEL_TOKEN: 'alice' }
  const first = await world.agent('demo', app, { args: ['--links', '8'], env })
  await eventually('all links are up', () => opened(world) === 8)
  const second = await world.agent('demo', app, { args: ['--links', '2', '--force'], env })
  assert.equal(await first.exitCode(), 73)
  assert.equal(first.stderr.split('has taken the name').length, 2, 'told once')
  await eventually('all links are up', () => opened(world) === 10)

  const another = await world.agent('other', app, { env })
  const third = world.tunnel(['-p', String(app)], { env })
  assert.equal(await third.exitCode(), 75)
  assert.ok(another.running)

  second.kill('SIGINT')
  assert.equal(await second.exitCode(), 0)
  assert.equal((await visit(world, 'demo', '/')).status, 404)
})

test('all links of an agent go to the next server, under the name they had', async () => {
  await using world = await World.start()
  const agent = await onThreeLinks(world, await world.app((_, response) => void response.end('hello')))
  world.server.kill('SIGTERM')
  assert.equal(await world.server.exitCode(), 0)
  await world.startServer()
  await eventually('three links are up', () => opened(world) === 3)
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  assert.equal(agent.stdout.trim().split('\n').length, 1, 'the URL is printed once')
  assert.equal(agent.stderr.split('online again').length, 2)
})

test('links are from 1 to 8', async () => {
  await using world = await World.create()
  for (const links of ['0', '9', 'many']) {
    const agent = world.tunnel(['8080', '--links', links])
    assert.equal(await agent.exitCode(), 78)
    assert.match(agent.stderr, /--links: expected/)
  }
})
