import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Cutter } from './support/cutter.js'
import { answerWithHash, sha } from './support/hash.js'
import { eventually } from './support/process.js'
import { visit } from './support/visitor.js'
import { World } from './support/world.js'

const MIB = 1024 * 1024

test('on a long way one stream has far more than 256 KiB under way, in either direction, and a cut loses none of it', async () => {
  await using world = await World.start()
  const cutter = await Cutter.start(world)
  cutter.pace = { delayMs: () => 50 }
  const whole = randomBytes(16 * MIB)
  const app = await world.app((request, response) => {
    if (request.method === 'GET') response.end(whole)
    else answerWithHash(request, response)
  })
  await world.agent('demo', app, { env: { TUNNEL_SERVER: cutter.url } })
  const filled = async (side: 'agent' | 'server') => {
    await eventually(`the ${side} fills the line`, () => cutter.underWay(side) > MIB / 2)
    cutter.cut()
    await eventually(`the ${side} fills the next one`, () => cutter.underWay(side) > MIB / 2)
  }
  const down = visit(world, 'demo', '/')
  await filled('agent')
  assert.equal(sha((await down).body), sha(whole))
  const up = visit(world, 'demo', '/', { method: 'PUT', body: whole })
  await filled('server')
  assert.equal((await up).text, sha(whole))
})
