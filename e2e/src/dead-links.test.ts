import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { SLEPT_MS } from 'tunnel-protocol'
import { Cutter } from './support/cutter.js'
import { eventually } from './support/process.js'
import { downloadOutlivesSilence } from './support/silence.js'
import { visit } from './support/visitor.js'
import { World } from './support/world.js'

/** Nobody finds a dead link by waiting for so long. */
const PATIENT = ['--ping-interval', '1h', '--ping-deadline', '1h']

/** The agent has asked how long an answer takes, and has been answered, as it does soon after a link opens. */
async function measured(cutter: Cutter): Promise<void> {
  const before = cutter.fromServer
  await eventually('the round-trip time is measured', () => cutter.fromServer > before)
}

test('an answer that leads nowhere is noticed at once, long before any silence would be', () =>
  downloadOutlivesSilence(PATIENT, measured))

test('an agent that was stopped for a while asks when it goes on; so a link that died meanwhile is noticed at once', async () => {
  await using world = await World.start({ args: PATIENT })
  const cutter = await Cutter.start(world)
  const app = await world.app((_, response) => void response.end('hello'))
  const agent = await world.agent('demo', app, { args: PATIENT, env: { TUNNEL_SERVER: cutter.url } })
  await measured(cutter)
  // What a visitor asks comes behind it: with the answer the agent has read both.
  assert.equal((await visit(world, 'demo', '/')).text, 'hello')
  agent.kill('SIGSTOP')
  cutter.silence()
  await setTimeout(SLEPT_MS + 2_000) // not for something to happen: this is what happens
  agent.kill('SIGCONT')
  await eventually('the agent is back', () => cutter.count === 2)
  assert.equal(agent.running, true)
})
