import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import net from 'node:net'
import { test } from 'node:test'
import { eventually, type Running } from './support/process.js'
import { type Answer, visit } from './support/visitor.js'
import { World } from './support/world.js'

const PATIENCE = ['--ping-interval', '500ms', '--ping-deadline', '1s']

/** Agents of one pool, each with an app that answers with its index. */
async function pool(world: World, count: number, listener?: (index: number) => RequestListener): Promise<Running[]> {
  const agents: Running[] = []
  for (let i = 0; i < count; i++) {
    const port = await world.app(listener?.(i) ?? ((_request, response) => void response.end(String(i))))
    agents.push(await world.agent('demo', port, { args: ['--pool', ...PATIENCE] }))
  }
  return agents
}

test('the requests for a pool are spread over its agents, and whoever is no part of it stays out', async () => {
  await using world = await World.start({ args: PATIENCE })
  await pool(world, 3)
  const counts = [0, 0, 0]
  for (let i = 0; i < 30; i++) counts[Number((await visit(world, 'demo', '/')).text)]!++
  assert.deepEqual(counts, [10, 10, 10])
  const other = world.tunnel(['-p', '1', '-s', 'demo'])
  assert.equal(await other.exitCode(), 73)
  assert.match(other.stderr, /--pool joins those that serve it/)
})

test('of a pool of three one is killed and one stops dead under load: no GET fails', async () => {
  await using world = await World.start({ args: PATIENCE })
  const agents = await pool(world, 3)
  const answers: Answer[] = []
  let stopped = false
  const visitors = Array.from({ length: 8 }, async () => {
    while (!stopped) answers.push(await visit(world, 'demo', '/'))
  })
  const progress = async (more: number) => {
    const target = answers.length + more
    await eventually(`${more} more answers`, () => answers.length >= target)
  }
  await progress(50)
  agents[0]!.kill('SIGKILL')
  await progress(50)
  agents[1]!.kill('SIGSTOP')
  await world.server.waitFor(/agent lost its connection.*agent lost its connection/s)
  await progress(50)
  stopped = true
  await Promise.all(visitors)
  agents[1]!.kill('SIGCONT')
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200).map(({ status, text }) => `${status} ${text}`),
    [],
  )
  assert.deepEqual(new Set(answers.slice(-20).map(({ text }) => text)), new Set(['2']))
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(['0', '1', '2']))
  await eventually('the one that stood still serves again', async () => (await visit(world, 'demo', '/')).text === '1')
})

test('a POST whose agent dies is 502 and not repeated, a GET is answered by another one', async () => {
  await using world = await World.start({ args: [...PATIENCE, '--resume-grace', '0'] })
  const seen: string[] = []
  // The first app never answers, the second one does.
  const agents = await pool(world, 2, (index) => (request, response) => {
    seen.push(`${request.method} ${index}`)
    request.resume()
    if (index > 0) response.end(String(index))
  })
  for (const [method, body] of [
    ['POST', undefined],
    ['POST', 'a body'],
    ['PUT', 'a body'],
    ['GET', undefined],
  ] as const) {
    // In turn: one of two is sent to the app that does not answer.
    const visits = [1, 2].map(() => visit(world, 'demo', '/', { method, ...(body === undefined ? {} : { body }) }))
    await eventually('both have come', () => seen.length === 2)
    agents[0]!.kill('SIGKILL')
    const answers = await Promise.all(visits)
    const expected = method === 'GET' ? [200, 200] : [200, 502]
    assert.deepEqual(answers.map(({ status }) => status).sort(), expected, method)
    assert.deepEqual(
      seen.splice(0).sort(),
      method === 'GET' ? ['GET 0', 'GET 1', 'GET 1'] : [`${method} 0`, `${method} 1`],
    )
    const port = await world.app((request) => {
      seen.push(`${request.method} 0`)
      request.resume()
    })
    agents[0] = await world.agent('demo', port, { args: ['--pool', ...PATIENCE] })
  }
})

test('an agent whose app is not running is passed over, whatever the method', async () => {
  await using world = await World.start()
  const free = net.createServer()
  const closed = await world.listen(free)
  await new Promise((resolve) => free.close(resolve))
  await world.agent('demo', closed, { args: ['--pool'] })
  assert.equal((await visit(world, 'demo', '/')).headers['x-tunnel-error'], 'TUN_ERR_ORIGIN_REFUSED')
  await world.agent('demo', await world.app((_, response) => void response.end('up')), { args: ['--pool'] })
  for (let i = 0; i < 5; i++) {
    for (const method of ['GET', 'POST', 'DELETE'])
      assert.equal((await visit(world, 'demo', '/', { method })).text, 'up')
  }
})

test('a request without an answer whose agent crashed waits for the new process and is answered by it', async () => {
  await using world = await World.start({ args: ['--park', '30s'] })
  const state = world.newState()
  let asked = 0
  const silent = await world.app(() => void asked++)
  const agent = await world.agent('demo', silent, { state })
  const answer = visit(world, 'demo', '/')
  const posted = visit(world, 'demo', '/', { method: 'POST', body: 'x' })
  await eventually('both are asked', () => asked === 2)
  agent.kill('SIGKILL')
  await agent.exited
  await world.agent('demo', await world.app((_request, response) => void response.end('new')), { state })
  assert.equal((await answer).text, 'new')
  assert.equal((await posted).headers['x-tunnel-error'], 'TUN_ERR_REPLACED')
})
