import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createApp } from 'tunnel-bench/origin'
import { bareDomain } from 'tunnel-bench/survival/attacks/bare-domain'
import { controlFloods } from 'tunnel-bench/survival/attacks/control-floods'
import { garbage } from 'tunnel-bench/survival/attacks/garbage'
import { hostileSessions } from 'tunnel-bench/survival/attacks/hostile-sessions'
import { interimFlood } from 'tunnel-bench/survival/attacks/interim-flood'
import { manyNames } from 'tunnel-bench/survival/attacks/many-names'
import { silentLinks } from 'tunnel-bench/survival/attacks/silent-links'
import { slowBody } from 'tunnel-bench/survival/attacks/slow-body'
import { slowloris } from 'tunnel-bench/survival/attacks/slowloris'
import { stuckAgent } from 'tunnel-bench/survival/attacks/stuck-agent'
import { stuckApp, tinyChunks } from 'tunnel-bench/survival/attacks/stuck-app'
import { stuckReaders } from 'tunnel-bench/survival/attacks/stuck-readers'
import { tooManyRequests } from 'tunnel-bench/survival/attacks/too-many-requests'
import { unreadAnswers } from 'tunnel-bench/survival/attacks/unread-answers'
import type { Attack, Scene, Tally } from 'tunnel-bench/survival/scene'
import { openFiles } from 'tunnel-bench/usage'
import { Bystander } from './support/bystander.js'
import { canMeasureMemory, memoryMiB, peakMemoryMiB } from './support/memory.js'
import { eventually } from './support/process.js'
import { visit } from './support/visitor.js'
import { World } from './support/world.js'

/**
 * Time-outs short enough to wait for. The one for heads also has to leave attackers, who share a process, the time to send what they
 * want: it is the server that is tested here.
 */
const SERVER = [
  '--head-timeout',
  '5s',
  '--lease',
  '1s',
  '--resume-grace',
  '1s',
  '--park',
  '1s',
  '--max-streams',
  '64',
  '--max-tunnels-per-account',
  '10000',
]
/** Kept whole, what the visitors, apps and agents below send would be 500 MiB and more in most rows. */
const MAX_GROWTH_MIB = 96
/** Answers that the other tunnel has to give while what an attack built up stands. */
const PROGRESS = 50

const sum = (tally: Tally) => Object.values(tally).reduce((total, each) => total + each, 0)

/** All attackers got one of these. */
function only(...outcomes: string[]) {
  return (tally: Tally) => assert.deepEqual(new Set(Object.keys(tally)), new Set(outcomes))
}

const rows: Array<[attack: Attack, count: number, check: (tally: Tally) => void]> = [
  [garbage, 10_000, only('400', '408', '431', '505')],
  [slowloris, 500, only('408')],
  [slowBody, 50, only('held')],
  [stuckReaders, 50, only('held')],
  [unreadAnswers, 4, only('held')],
  [tooManyRequests, 200, (tally) => assert.deepEqual(tally, { '503': 136, held: 64 })],
  [stuckApp, 50, only('held')],
  [tinyChunks, 10, only('held')],
  [stuckAgent, 50, only('held')],
  [interimFlood, 160, only('held')],
  [hostileSessions, 140, only('TUN_ERR_PROTOCOL', 'TUN_ERR_FLOW_CONTROL')],
  [manyNames, 20, only('TUN_ERR_PROTOCOL')],
  [controlFloods, 20, only('taken', 'TUN_ERR_FLOW_CONTROL')],
]

test('a server under attack stays alive, in its memory, and with everybody else served', async (t) => {
  await using world = await World.start({ args: SERVER })
  for (const name of ['victim', 'bystander']) await world.agent(name, await world.listen(createApp()))
  const bystander = new Bystander(world, 'bystander')
  await bystander.progress(PROGRESS)
  const { pid } = world.server
  const memory = canMeasureMemory ? memoryMiB(pid) : 0
  const files = openFiles(pid)

  /** Everybody else is served, and nothing grows any more. */
  const hold = async () => {
    let before: number
    do {
      before = canMeasureMemory ? peakMemoryMiB(pid) : 0
      await bystander.progress(PROGRESS)
    } while (canMeasureMemory && peakMemoryMiB(pid) > before)
  }
  const scene: Scene = {
    port: world.port,
    victim: 'victim.localhost',
    async tunnel(name, appPort) {
      const agent = await world.agent(name, appPort)
      leaving.push(async () => {
        agent.kill('SIGKILL')
        await agent.exited
      })
      return `${name}.localhost`
    },
    hold,
  }
  const leaving: Array<() => Promise<void>> = []

  const check = async (attack: Attack, count: number, expected: (tally: Tally) => void) => {
    const answered = bystander.answered
    const tally = await attack.run(scene, count)
    for (const leave of leaving.splice(0)) await leave()
    expected(tally)
    assert.ok(bystander.answered > answered, 'the other tunnel was not served while it lasted')
    assert.deepEqual(bystander.failures, [])
    assert.equal((await visit(world, 'victim', '/1k')).status, 200)
    if (!canMeasureMemory) return
    const growth = peakMemoryMiB(pid) - memory
    assert.ok(growth < MAX_GROWTH_MIB, `the server grew by ${growth.toFixed(1)} MiB`)
    await eventually('all connections are gone', () => openFiles(pid) <= files)
  }

  for (const [attack, count, expected] of rows) {
    await t.test(`${count} ${attack.title}`, async () => {
      await check(attack, count, (tally) => {
        expected(tally)
        if (sum(tally) > 10) assert.equal(sum(tally), count)
      })
    })
  }
  await t.test('what never ends by itself is ended', async () => {
    const [links, requests] = await Promise.all([silentLinks.run(scene, 50), bareDomain.run(scene, 40)])
    assert.deepEqual(links, { TUN_ERR_PROTOCOL: 50 })
    assert.deepEqual(requests, { '200': 10, '404': 10, '426': 10, reset: 10 })
    await eventually('all connections are gone', () => openFiles(pid) <= files)
    assert.deepEqual(bystander.failures, [])
  })
  assert.ok(world.server.running)
  assert.equal(world.server.pid, pid)
})
