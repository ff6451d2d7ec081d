import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BindRequest, type Session, TunnelError } from 'tunnel-protocol'
import type { Holder } from './tunnel.js'
import { TunnelRegistry } from './tunnels.js'

class FakeHolder implements Holder {
  readonly session = {} as Session
  readonly id: string
  readonly instance: string
  readonly account: string
  readonly lost: string[] = []
  attached = true
  constructor(id: string, instance = id, account = 'account') {
    this.id = id
    this.account = account
    this.instance = instance
  }
  replaced(name: string): void {
    this.lost.push(name)
  }
  takenOver(name: string, number: number): void {
    this.lost.push(`${name} (${number})`)
  }
}

function registryAt(): { registry: TunnelRegistry; clock: { now: number } } {
  const clock = { now: 1_000 }
  return { registry: new TunnelRegistry({ leaseMs: 500, maxTunnelsPerAccount: 3, now: () => clock.now }), clock }
}

/** Bind, and tell the agent. Returns the claim. */
function give(registry: TunnelRegistry, request: BindRequest, holder: Holder): string {
  const member = registry.bind(request, holder)
  registry.open(member)
  return registry.claimOf(member)
}

const holderOf = (registry: TunnelRegistry, name: string) => registry.find(name)?.members[0]?.holder

const taken = (error: unknown) => error instanceof TunnelError && error.code === 'TUN_ERR_NAME_TAKEN'

test('a bound name is found, whoever else asks for it is refused', () => {
  const { registry } = registryAt()
  const alice = new FakeHolder('alice')
  registry.bind({ tunnel: 7, name: 'Demo' }, alice)
  assert.equal(holderOf(registry, 'demo'), alice)
  assert.equal(registry.find('demo')?.members[0]?.number, 7)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
})

test('without a name the agent gets one that is free', () => {
  const { registry } = registryAt()
  const first = registry.bind({ tunnel: 1 }, new FakeHolder('a'))
  const second = registry.bind({ tunnel: 1 }, new FakeHolder('b'))
  assert.notEqual(first.tunnel.name, second.tunnel.name)
})

test('the name of an agent that went away is kept for whoever has its claim, until the lease ends', () => {
  const { registry, clock } = registryAt()
  const alice = new FakeHolder('alice')
  const claim = give(registry, { tunnel: 1, name: 'demo' }, alice)
  registry.away(alice)
  assert.equal(holderOf(registry, 'demo'), undefined)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
  assert.throws(
    () => registry.bind({ tunnel: 1, name: 'demo', claim: `${claim.slice(1)}x` }, new FakeHolder('bob')),
    taken,
  )
  assert.throws(
    () => registry.bind({ tunnel: 1, name: 'demo', claim: 'ü'.repeat(claim.length) }, new FakeHolder('bob')),
    taken,
  )

  const again = new FakeHolder('alice, restarted')
  give(registry, { tunnel: 2, name: 'demo', claim }, again)
  assert.equal(holderOf(registry, 'demo'), again)
  registry.away(again)
  clock.now += 501
  assert.equal(registry.find('demo'), undefined)
  registry.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob'))
})

test('the same agent takes its name from a link the server still believes in, another process with its claim does not', () => {
  const { registry } = registryAt()
  const link1 = new FakeHolder('link 1', 'alice')
  const claim = give(registry, { tunnel: 1, name: 'demo' }, link1)
  assert.throws(
    () => registry.bind({ tunnel: 1, name: 'demo', claim }, new FakeHolder('second process', 'other')),
    taken,
  )
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('no claim', 'alice')), taken)
  const link2 = new FakeHolder('link 2', 'alice')
  registry.bind({ tunnel: 1, name: 'demo', claim }, link2)
  assert.deepEqual(link1.lost, ['demo'])
  // The old link's end is late news and must not touch the name.
  registry.away(link1)
  assert.equal(holderOf(registry, 'demo'), link2)
})

test('an agent that says goodbye frees its names at once', () => {
  const { registry } = registryAt()
  const alice = new FakeHolder('alice')
  registry.bind({ tunnel: 1, name: 'demo' }, alice)
  registry.leave(alice)
  assert.equal(registry.find('demo'), undefined)
  assert.equal(registry.size, 0)
})

test('leases that ended are swept, so that they do not pile up', () => {
  const { registry, clock } = registryAt()
  for (let i = 0; i < 100; i++) {
    const holder = new FakeHolder(String(i), String(i), String(i))
    give(registry, { tunnel: 1 }, holder)
    registry.away(holder)
  }
  assert.equal(registry.size, 100)
  clock.now += 501
  registry.sweep()
  assert.equal(registry.size, 0)
})

test('an account holds so many names and no more, until some are free again', () => {
  const { registry, clock } = registryAt()
  const full = (error: unknown) => error instanceof TunnelError && error.code === 'TUN_ERR_ACCOUNT_LIMIT'
  const alice = new FakeHolder('alice')
  const bind = (name: string, holder = alice, claim?: string) =>
    give(registry, { tunnel: 1, name, ...(claim === undefined ? {} : { claim }) }, holder)
  const claim = bind('one')
  bind('two')
  bind('three')
  assert.throws(() => bind('four'), full)
  assert.throws(() => bind('four', new FakeHolder('alice-too')), full)
  bind('four', new FakeHolder('bob', 'bob', 'another account'))

  registry.away(alice)
  const back = new FakeHolder('back')
  bind('one', back, claim) // what it holds already counts once
  assert.throws(() => bind('five', back), full)
  clock.now += 500
  bind('five', back)
  bind('six', back)
  assert.throws(() => bind('seven', back), full)
  registry.leave(back)
  bind('seven', back)
})
