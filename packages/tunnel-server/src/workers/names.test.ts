import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TunnelError } from 'tunnel-protocol'
import { Directory } from '../registry/directory.js'
import { Holdings } from '../registry/holdings.js'
import type { Place, ToWorker } from './messages.js'
import { Names } from './names.js'
import { RemoteHolder } from './remote-holder.js'

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** What the main process decides, and what it tells. */
function world() {
  const told: ToWorker[] = []
  const names = new Names((message) => told.push(message))
  const holdings = new Holdings({
    leaseMs: 60_000,
    maxTunnelsPerAccount: 100,
    onGiven: (name) => names.onGiven(name),
    onFree: (name) => names.onFree(name),
    onRules: (name, rules) => names.onRules(name, rules),
    onSeats: (holding) => names.onSeats(holding),
  })
  return { told, names, holdings }
}

let sessions = 0
function session(worker: number, instance: string, link = 0): RemoteHolder {
  const facts = { session: `${worker}.${++sessions}`, instance, link }
  return new RemoteHolder(worker, facts, () => {})
}

test('workers hear of a name when it is given, of each change in who can serve it, and when it is free', async () => {
  const { told, names, holdings } = world()
  const [first, second] = [session(2, 'a', 0), session(1, 'a', 1)]
  holdings.bind({ tunnel: 1, name: 'demo' }, first)
  await turn()
  assert.deepEqual(told.splice(0), [{ type: 'name', name: 'demo', number: 1, at: [] }], 'not before its agent is told')
  holdings.told('demo', first)
  await turn()
  assert.deepEqual(told.splice(0), [{ type: 'name', name: 'demo', number: 1, at: [{ worker: 2, agents: ['a'] }] }])
  holdings.bind({ tunnel: 1, name: 'demo' }, second)
  holdings.told('demo', second)
  await turn()
  const places = [1, 2].map((worker) => ({ worker, agents: ['a'] }))
  assert.deepEqual(told.splice(0), [{ type: 'name', name: 'demo', number: 1, at: places }])
  first.attached = false
  holdings.moved(first)
  await turn()
  assert.deepEqual(told.splice(0), [{ type: 'name', name: 'demo', number: 1, at: [{ worker: 1, agents: ['a'] }] }])
  assert.deepEqual([names.online, names.states], [1, [{ name: 'demo', number: 1, at: [{ worker: 1, agents: ['a'] }] }]])
  holdings.away(first)
  await turn()
  assert.deepEqual(told.splice(0), [], 'what changes nothing for them')
  holdings.leave(second)
  await turn()
  assert.deepEqual(told, [{ type: 'free', name: 'demo' }])
  assert.deepEqual([names.online, names.states], [0, []])
})

test('workers hear of rules before the agent that brings them can be told anything, and know the name by another number', () => {
  const { told, holdings } = world()
  const [first, second] = [session(2, 'a'), session(1, 'b')]
  const rules = { allowIp: ['10.0.0.0/8'] }
  const holding = holdings.bind({ tunnel: 1, name: 'demo', rules }, first)
  assert.deepEqual(told.splice(0), [
    { type: 'name', name: 'demo', number: 1, at: [] },
    { type: 'name', name: 'demo', number: 2, rules, at: [] },
  ])
  holdings.told('demo', first)
  first.attached = false
  holdings.bind({ tunnel: 1, name: 'demo', claim: holdings.claimOf(holding) }, second)
  assert.deepEqual(told, [{ type: 'name', name: 'demo', number: 3, rules: undefined, at: [] }])
})

test('whatever happens, a worker that has heard everything, and one that begins, know which names there are and who has them', async () => {
  const step = fc.record({
    do: fc.constantFrom('bind', 'told', 'detach', 'attach', 'away', 'leave', 'turn'),
    name: fc.constantFrom('one', 'two'),
    worker: fc.integer({ min: 1, max: 3 }),
    link: fc.nat(2),
    pick: fc.nat(20),
    agent: fc.constantFrom('a', 'b'),
  })
  const check = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const { told, names, holdings } = world()
    let live: RemoteHolder[] = []
    for (const { do: what, name, worker, link, pick, agent } of steps) {
      const holder = live[pick % Math.max(1, live.length)]
      if (what === 'bind') {
        const fresh = session(worker, agent, link)
        try {
          holdings.bind({ tunnel: 1, name, pool: true }, fresh)
          live.push(fresh)
        } catch (error) {
          assert.ok(error instanceof TunnelError, String(error)) // it may not have the name
        }
      } else if (what === 'turn') await turn()
      else if (holder !== undefined && what === 'told') holdings.told(name, holder)
      else if (holder !== undefined && (what === 'attach' || what === 'detach')) {
        holder.attached = what === 'attach'
        holdings.moved(holder)
      } else if (holder !== undefined) {
        holdings[what as 'away' | 'leave'](holder)
        live = live.filter((each) => each !== holder)
      }
    }
    await turn()
    const heard = new Map<string, Place[]>()
    const directory = new Directory()
    for (const message of told) {
      if (message.type === 'name') {
        heard.set(message.name, message.at)
        directory.add(message.name, message.number)
        assert.equal(directory.findByNumber(message.number)?.name, message.name)
      } else if (message.type === 'free') {
        heard.delete(message.name)
        directory.remove(message.name)
      }
    }
    const expected = new Map(
      [...holdings.records()].map(({ name }) => {
        const seats = holdings.find(name)!.seats.filter(({ told, holder }) => told && holder.attached)
        const workers = [...new Set(seats.map(({ holder }) => (holder as RemoteHolder).worker))].sort()
        const agents = (worker: number) =>
          seats.filter(({ holder }) => (holder as RemoteHolder).worker === worker).map(({ holder }) => holder.instance!)
        return [name, workers.map((worker) => ({ worker, agents: [...new Set(agents(worker))].sort() }))]
      }),
    )
    assert.deepEqual(heard, expected)
    assert.deepEqual(new Map(names.states.map(({ name, at }) => [name, at])), expected)
  })
  await fc.assert(check, { numRuns: 300 })
})
