import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BindRequest, type Session, TunnelError } from 'tunnel-protocol'
import { Claims } from './claims.js'
import type { Holder } from './tunnel.js'
import { TunnelRegistry } from './tunnels.js'

class FakeHolder implements Holder {
  readonly session = {} as Session
  readonly id: string
  readonly instance: string
  readonly account: string
  readonly link: number
  readonly lost: string[] = []
  attached = true
  constructor(id: string, instance = id, account = 'account', link = 0) {
    this.id = id
    this.link = link
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

test('a name that nobody knows any more is given to whoever brings its signed claim, with the tenure it had', () => {
  const claims = new Claims()
  const server = () => new TunnelRegistry({ leaseMs: 500, maxTunnelsPerAccount: 3, claims })
  const claim = give(server(), { tunnel: 1, name: 'demo' }, new FakeHolder('alice'))
  const next = server()
  const alice = new FakeHolder('alice', 'alice', 'with another token')
  assert.equal(give(next, { tunnel: 1, name: 'demo', claim }, alice), claim)
  assert.throws(() => next.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
})

test('the claim of an earlier tenure takes nothing from the agent that has the name now', () => {
  const { registry } = registryAt()
  const alice = new FakeHolder('alice')
  const old = give(registry, { tunnel: 1, name: 'demo' }, alice)
  registry.leave(alice)
  const bob = new FakeHolder('bob', 'bob', 'another account')
  const claim = give(registry, { tunnel: 1, name: 'demo' }, bob)
  assert.notEqual(claim, old)
  registry.away(bob)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo', claim: old }, new FakeHolder('alice')), taken)
  give(registry, { tunnel: 1, name: 'demo', claim }, bob)
})

test('names of an earlier process are away: found, kept for their claims, and free when nobody has come in a lease', () => {
  const claims = new Claims()
  const before = new TunnelRegistry({ leaseMs: 500, maxTunnelsPerAccount: 3, claims })
  const claim = give(before, { tunnel: 1, name: 'demo' }, new FakeHolder('alice'))
  give(before, { tunnel: 1, name: 'pool', pool: true }, new FakeHolder('alice'))
  const names = [...before.records()]
  const clock = { now: 1_000 }
  const after = () => new TunnelRegistry({ leaseMs: 500, maxTunnelsPerAccount: 2, claims, names, now: () => clock.now })
  const registry = after()
  assert.deepEqual([...registry.records()], names)
  assert.equal(registry.pick(registry.find('demo')!), undefined)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'third' }, new FakeHolder('alice')), {
    code: 'TUN_ERR_ACCOUNT_LIMIT',
  })
  assert.equal(give(registry, { tunnel: 1, name: 'demo', claim }, new FakeHolder('alice')), claim)
  give(registry, { tunnel: 1, name: 'pool', pool: true }, new FakeHolder('alice'))
  const unwanted = after()
  clock.now += 500
  assert.equal(unwanted.find('demo'), undefined)
})

test('a name whose claim no agent has been told is kept for nobody', () => {
  const { registry } = registryAt()
  const alice = new FakeHolder('alice')
  const member = registry.bind({ tunnel: 1, name: 'demo' }, alice)
  registry.away(alice)
  assert.equal(registry.find('demo'), undefined)
  assert.equal(registry.has(member), false)
})

test('an agent gets requests only when it has been told that the name is its own', () => {
  const { registry } = registryAt()
  const member = registry.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('alice'))
  const tunnel = registry.find('demo')!
  let woken = 0
  tunnel.waiting.add(() => woken++)
  registry.reachable(member.holder)
  assert.deepEqual([registry.pick(tunnel), woken], [undefined, 0])
  registry.open(member)
  assert.deepEqual([registry.pick(tunnel), woken], [member, 1])
})

test('--force takes a name over from an agent of the same account: it is told, and its claim is void', () => {
  const { registry } = registryAt()
  const first = new FakeHolder('first')
  const old = give(registry, { tunnel: 7, name: 'demo' }, first)
  const second = new FakeHolder('second')
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, second), /is of your account: --force takes it over/)
  const claim = give(registry, { tunnel: 1, name: 'demo', force: true }, second)
  assert.deepEqual(first.lost, ['demo (7)'])
  assert.equal(holderOf(registry, 'demo'), second)
  registry.away(first) // late news
  assert.equal(holderOf(registry, 'demo'), second)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo', claim: old }, first), taken)
  registry.away(second)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo', claim: old }, first), taken)
  give(registry, { tunnel: 1, name: 'demo', claim }, second)
})

test('--force takes nothing from another account, which learns no more than that the name is taken', () => {
  const { registry } = registryAt()
  const alice = new FakeHolder('alice')
  give(registry, { tunnel: 1, name: 'demo' }, alice)
  const bob = new FakeHolder('bob', 'bob', 'another account')
  for (const request of [{ force: true }, { pool: true }, { force: true, pool: true }, {}]) {
    assert.throws(() => registry.bind({ tunnel: 1, name: 'demo', ...request }, bob), {
      code: 'TUN_ERR_NAME_TAKEN',
      detail: 'the name "demo" is in use, choose another one',
    })
  }
  assert.deepEqual(alice.lost, [])
})

test('the agents of a pool share a name, as many as ask for that, and it is away or free with the last of them', () => {
  const { registry, clock } = registryAt()
  const [a, b, c] = ['a', 'b', 'c'].map((id) => new FakeHolder(id)) as [FakeHolder, FakeHolder, FakeHolder]
  const claim = give(registry, { tunnel: 1, name: 'demo', pool: true }, a)
  assert.equal(give(registry, { tunnel: 2, name: 'demo', pool: true }, b), claim)
  assert.equal(give(registry, { tunnel: 3, name: 'demo', pool: true, claim }, new FakeHolder('x', 'x', 'other')), claim)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, c), /--pool joins those that serve it/)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo', claim }, c), taken)
  const { members } = registry.find('demo')!
  assert.equal(members.length, 3)

  const again = new FakeHolder('b again', 'b')
  give(registry, { tunnel: 5, name: 'demo', pool: true }, again)
  assert.deepEqual(b.lost, ['demo'])
  assert.deepEqual(
    registry.find('demo')!.members.map(({ holder }) => holder.id),
    ['a', 'x', 'b again'],
  )
  for (const member of registry.find('demo')!.members.slice(0, 2)) registry.leave(member.holder)
  assert.equal(holderOf(registry, 'demo'), again)
  registry.away(again)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob', 'bob', 'other')), taken)
  give(registry, { tunnel: 1, name: 'demo', pool: true }, a)
  registry.leave(a)
  assert.equal(registry.find('demo'), undefined)
  clock.now += 1

  give(registry, { tunnel: 1, name: 'demo' }, a)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo', pool: true }, b), /--force takes it over/)
  give(registry, { tunnel: 1, name: 'demo', pool: true, force: true }, b)
  assert.deepEqual(a.lost, ['demo (1)'])
  give(registry, { tunnel: 1, name: 'demo', pool: true, force: true }, c)
  assert.equal(registry.find('demo')!.members.length, 2, 'whoever may join takes nothing over')
})

/** An agent on so many links, each of which has the name `demo`. */
function onLinks(registry: TunnelRegistry, instance: string, count: number): FakeHolder[] {
  const links = Array.from({ length: count }, (_, i) => new FakeHolder(`${instance} ${i}`, instance, 'account', i))
  for (const holder of links) give(registry, { tunnel: 1, name: 'demo' }, holder)
  return links
}

test('the links of one agent share its name, which is away or free with the agent and not with one of them', () => {
  const { registry, clock } = registryAt()
  const links = onLinks(registry, 'alice', 3)
  const tunnel = registry.find('demo')!
  assert.deepEqual(
    tunnel.members.map(({ holder }) => holder),
    links,
  )
  const stranger = new FakeHolder('bob', 'bob', 'other', 1)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, stranger), taken)
  const thief = new FakeHolder('alice, says bob', 'alice', 'other', 1)
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, thief), taken)

  const again = new FakeHolder('alice 1 again', 'alice', 'account', 1)
  give(registry, { tunnel: 1, name: 'demo' }, again)
  assert.deepEqual(
    links.map(({ lost }) => lost),
    [[], ['demo'], []],
  )
  for (const holder of [links[0]!, again]) registry.away(holder)
  clock.now += 1_000
  assert.equal(holderOf(registry, 'demo'), links[2])
  registry.leave(links[2]!)
  assert.equal(registry.find('demo'), undefined)
})

test('an agent that leaves on one link leaves on all: one of them may have no way to say so', () => {
  const { registry } = registryAt()
  const [first, second] = onLinks(registry, 'alice', 2)
  second!.attached = false
  registry.leave(first!)
  assert.equal(registry.find('demo'), undefined)
})

test('an agent on several links is one agent: taken over as a whole, and one among others in a pool', () => {
  const { registry } = registryAt()
  const links = onLinks(registry, 'alice', 2)
  const bob = new FakeHolder('bob')
  assert.throws(() => registry.bind({ tunnel: 1, name: 'demo' }, bob), taken)
  give(registry, { tunnel: 1, name: 'demo', force: true, pool: true }, bob)
  for (const { lost } of links) assert.deepEqual(lost, ['demo (1)'])

  const pooled = [0, 1].map((link) => new FakeHolder(`carol ${link}`, 'carol', 'account', link))
  for (const holder of pooled) give(registry, { tunnel: 1, name: 'demo', pool: true }, holder)
  assert.equal(registry.find('demo')!.members.length, 3)
})

test('a request that one link of an agent sent back goes to another agent, not to another link of the same', () => {
  const { registry } = registryAt()
  const member = (holder: FakeHolder) => registry.find('demo')!.members.find((each) => each.holder === holder)!
  const alice = [0, 1].map((link) => new FakeHolder(`alice ${link}`, 'alice', 'account', link))
  const bob = new FakeHolder('bob')
  for (const holder of [...alice, bob]) give(registry, { tunnel: 1, name: 'demo', pool: true }, holder)
  assert.equal(registry.pickInstead(member(alice[1]!))?.holder, bob)
  assert.equal(registry.pickInstead(member(bob)), undefined, 'they have all sent it back')
})

test('whoever waits for a name hears when it is free', () => {
  const { registry } = registryAt()
  const alice = new FakeHolder('alice')
  give(registry, { tunnel: 1, name: 'demo' }, alice)
  let woken = 0
  registry.find('demo')!.waiting.add(() => woken++)
  registry.leave(alice)
  assert.equal(woken, 1)
})

test('what is kept of the names is said to have changed whenever it has', () => {
  let changes = 0
  const registry = new TunnelRegistry({ leaseMs: 500, maxTunnelsPerAccount: 3, onChange: () => changes++ })
  const [a, b] = [new FakeHolder('a'), new FakeHolder('b')]
  const steps: Array<() => unknown> = [
    () => give(registry, { tunnel: 1, name: 'demo' }, a),
    () => give(registry, { tunnel: 1, name: 'demo', force: true }, b),
    () => registry.leave(b),
  ]
  for (const step of steps) {
    const before = changes
    step()
    assert.ok(changes > before, step.toString())
  }
})
