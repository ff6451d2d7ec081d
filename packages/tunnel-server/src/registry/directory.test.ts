import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Session } from 'tunnel-protocol'
import { Directory } from './directory.js'
import type { Carrier } from './tunnel.js'

class FakeCarrier implements Carrier {
  readonly id: string
  readonly instance: string
  readonly session = { streamCount: 0 } as Session
  attached = true
  constructor(id: string, instance = id) {
    this.id = id
    this.instance = instance
  }
  hasEnded(): boolean {
    return false
  }
}

/** A directory with the name `demo`, and how often somebody who waits for it was woken. */
function world() {
  const clock = { now: 1_000 }
  const directory = new Directory(() => clock.now)
  directory.add('demo')
  let woken = 0
  const wait = () => directory.find('demo')!.waiting.add(() => woken++)
  return { directory, clock, wait, woken: () => woken, tunnel: directory.find('demo')! }
}

test('a name is known from when it is given until it is free, whoever serves it', () => {
  const { directory, wait, woken, tunnel } = world()
  assert.equal(directory.find('other'), undefined)
  directory.add('demo')
  assert.equal(directory.find('demo'), tunnel)
  assert.deepEqual([directory.pick(tunnel), directory.online], [undefined, 0])
  wait()
  directory.remove('demo')
  assert.deepEqual([directory.find('demo'), woken()], [undefined, 1])
  directory.enter('demo', new FakeCarrier('late'), 1)
  directory.drop('demo', new FakeCarrier('late'))
  assert.equal(directory.find('demo'), undefined)
})

test('whoever waits goes on when somebody serves the name, and has a link', () => {
  const { directory, wait, woken, tunnel } = world()
  const [a, b] = [new FakeCarrier('a'), new FakeCarrier('b')]
  a.attached = false
  wait()
  directory.enter('demo', a, 7)
  directory.reachable(a)
  directory.reachable(b)
  assert.deepEqual([directory.pick(tunnel), directory.online, woken()], [undefined, 0, 0])
  a.attached = true
  directory.reachable(a)
  assert.deepEqual([directory.pick(tunnel)?.number, directory.online, woken()], [7, 1, 1])
  wait()
  directory.enter('demo', b, 8)
  assert.equal(woken(), 2)
})

test('who serves a name no more gets none of its requests', () => {
  const { directory, tunnel } = world()
  const [a, b] = [new FakeCarrier('a'), new FakeCarrier('b')]
  directory.enter('demo', a, 1)
  directory.enter('demo', a, 2)
  assert.equal(tunnel.members.length, 1, 'asked for twice, it is there once')
  directory.enter('demo', b, 1)
  directory.drop('demo', a)
  assert.deepEqual([directory.pick(tunnel)?.holder, directory.holdsAny(a), directory.holdsAny(b)], [b, false, true])
  directory.dropAll(b)
  assert.deepEqual([directory.pick(tunnel), directory.holdsAny(b)], [undefined, false])
  directory.dropAll(b)
})

test('a request that one link of an agent sent back goes to another agent, not to another link of the same', () => {
  const { directory, clock, tunnel } = world()
  const alice = [0, 1].map((link) => new FakeCarrier(`alice ${link}`, 'alice'))
  const bob = new FakeCarrier('bob')
  for (const holder of [...alice, bob]) directory.enter('demo', holder, 1)
  const member = (holder: Carrier) => tunnel.members.find((each) => each.holder === holder)!
  assert.equal(directory.pickInstead(member(alice[1]!))?.holder, bob)
  assert.equal(directory.pickInstead(member(bob)), undefined, 'they have all sent it back')
  clock.now += 1_000
  assert.notEqual(directory.pickInstead(member(bob)), undefined)
})

test('what an agent sent back is not sent to it again through another worker, which may have others', () => {
  const { directory, clock, tunnel } = world()
  const [alice, second, third] = [new FakeCarrier('alice'), new FakeCarrier('worker 2'), new FakeCarrier('worker 3')]
  const member = (holder: Carrier) => tunnel.members.find((each) => each.holder === holder)!
  directory.enter('demo', alice, 1)
  directory.setRemote('demo', new Map([[second, ['alice']]]))
  assert.equal(directory.pickInstead(member(alice)), undefined)
  clock.now += 1_000
  assert.equal(directory.pickInstead(member(second)), undefined, 'nor the other way round')
  clock.now += 1_000
  const both = ['alice', 'bob']
  directory.setRemote('demo', new Map([second, third].map((holder) => [holder, both])))
  assert.equal(member(second).holder, second)
  assert.notEqual(directory.pickInstead(member(alice)), undefined)
  assert.notEqual(directory.pickInstead(member(second)), undefined, 'it may have been either of them')
})

test('with other rules the name has another number, and who served it here with those before serves it no more', () => {
  const directory = new Directory()
  const [before, after, elsewhere] = [new FakeCarrier('before'), new FakeCarrier('after'), new FakeCarrier('worker 2')]
  Object.assign(elsewhere, { remote: true })
  const rules = { allowIp: ['10.0.0.0/8'] }
  directory.add('demo', 1)
  const tunnel = directory.find('demo')!
  directory.enter('demo', before, 7)
  directory.setRemote('demo', new Map([[elsewhere, ['b']]]))
  directory.setRules('demo', rules, 2)
  assert.equal(tunnel.rules, rules)
  assert.deepEqual([directory.findByNumber(1), directory.findByNumber(2)], [undefined, tunnel])
  assert.deepEqual(
    tunnel.members.map(({ holder, number }) => [holder.id, number]),
    [['worker 2', 2]],
  )
  assert.equal(directory.pickHere(tunnel), undefined)
  directory.enter('demo', after, 7)
  assert.equal(directory.pick(tunnel)?.holder, after)
})
