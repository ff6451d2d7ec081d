import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BindRequest, TunnelError } from 'tunnel-protocol'
import { Claims } from './claims.js'
import type { Holder } from './holding.js'
import { Holdings } from './holdings.js'
import { anyName, type NameRights } from './name-rights.js'

class FakeHolder implements Holder {
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
  left(name: string): void {
    this.lost.push(`${name}, left`)
  }
  end(): void {}
}

function holdingsAt(): { holdings: Holdings; clock: { now: number } } {
  const clock = { now: 1_000 }
  return { holdings: new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 3, now: () => clock.now }), clock }
}

/** Bind, and tell the agent. Returns the claim. */
function give(holdings: Holdings, request: BindRequest, holder: Holder): string {
  const holding = holdings.bind(request, holder)
  holdings.told(holding.name, holder)
  return holdings.claimOf(holding)
}

const holderOf = (holdings: Holdings, name: string) => holdings.find(name)?.seats[0]?.holder

const taken = (error: unknown) => error instanceof TunnelError && error.code === 'TUN_ERR_NAME_TAKEN'

test('a bound name is found, whoever else asks for it is refused', () => {
  const { holdings } = holdingsAt()
  const alice = new FakeHolder('alice')
  holdings.bind({ tunnel: 7, name: 'Demo' }, alice)
  assert.equal(holderOf(holdings, 'demo'), alice)
  assert.equal(holdings.find('demo')?.seats[0]?.number, 7)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
})

test('without a name the agent gets one that is free', () => {
  const { holdings } = holdingsAt()
  const first = holdings.bind({ tunnel: 1 }, new FakeHolder('a'))
  const second = holdings.bind({ tunnel: 1 }, new FakeHolder('b'))
  assert.notEqual(first.name, second.name)
})

test('the name of an agent that went away is kept for whoever has its claim, until the lease ends', () => {
  const { holdings, clock } = holdingsAt()
  const alice = new FakeHolder('alice')
  const claim = give(holdings, { tunnel: 1, name: 'demo' }, alice)
  holdings.away(alice)
  assert.equal(holderOf(holdings, 'demo'), undefined)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
  assert.throws(
    () => holdings.bind({ tunnel: 1, name: 'demo', claim: `${claim.slice(1)}x` }, new FakeHolder('bob')),
    taken,
  )
  assert.throws(
    () => holdings.bind({ tunnel: 1, name: 'demo', claim: 'ü'.repeat(claim.length) }, new FakeHolder('bob')),
    taken,
  )

  const again = new FakeHolder('alice, restarted')
  give(holdings, { tunnel: 2, name: 'demo', claim }, again)
  assert.equal(holderOf(holdings, 'demo'), again)
  holdings.away(again)
  clock.now += 501
  assert.equal(holdings.find('demo'), undefined)
  holdings.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob'))
})

test('the same agent takes its name from a link the server still believes in, another process with its claim does not', () => {
  const { holdings } = holdingsAt()
  const link1 = new FakeHolder('link 1', 'alice')
  const claim = give(holdings, { tunnel: 1, name: 'demo' }, link1)
  assert.throws(
    () => holdings.bind({ tunnel: 1, name: 'demo', claim }, new FakeHolder('second process', 'other')),
    taken,
  )
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('no claim', 'alice')), taken)
  const link2 = new FakeHolder('link 2', 'alice')
  holdings.bind({ tunnel: 1, name: 'demo', claim }, link2)
  assert.deepEqual(link1.lost, ['demo'])
  // The old link's end is late news and must not touch the name.
  holdings.away(link1)
  assert.equal(holderOf(holdings, 'demo'), link2)
})

test('an agent that says goodbye frees its names at once', () => {
  const { holdings } = holdingsAt()
  const alice = new FakeHolder('alice')
  holdings.bind({ tunnel: 1, name: 'demo' }, alice)
  holdings.leave(alice)
  assert.equal(holdings.find('demo'), undefined)
  assert.equal(holdings.size, 0)
})

test('leases that ended are swept, so that they do not pile up', () => {
  const { holdings, clock } = holdingsAt()
  for (let i = 0; i < 100; i++) {
    const holder = new FakeHolder(String(i), String(i), String(i))
    give(holdings, { tunnel: 1 }, holder)
    holdings.away(holder)
  }
  assert.equal(holdings.size, 100)
  clock.now += 501
  holdings.sweep()
  assert.equal(holdings.size, 0)
})

test('an account holds so many names and no more, until some are free again', () => {
  const { holdings, clock } = holdingsAt()
  const full = (error: unknown) => error instanceof TunnelError && error.code === 'TUN_ERR_ACCOUNT_LIMIT'
  const alice = new FakeHolder('alice')
  const bind = (name: string, holder = alice, claim?: string) =>
    give(holdings, { tunnel: 1, name, ...(claim === undefined ? {} : { claim }) }, holder)
  const claim = bind('one')
  bind('two')
  bind('three')
  assert.throws(() => bind('four'), full)
  assert.throws(() => bind('four', new FakeHolder('alice-too')), full)
  bind('four', new FakeHolder('bob', 'bob', 'another account'))

  holdings.away(alice)
  const back = new FakeHolder('back')
  bind('one', back, claim) // what it holds already counts once
  assert.throws(() => bind('five', back), full)
  clock.now += 500
  bind('five', back)
  bind('six', back)
  assert.throws(() => bind('seven', back), full)
  holdings.leave(back)
  bind('seven', back)
})

test('a name that nobody knows any more is given to whoever brings its signed claim, with the tenure it had', () => {
  const claims = new Claims()
  const server = () => new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 3, claims })
  const claim = give(server(), { tunnel: 1, name: 'demo' }, new FakeHolder('alice'))
  const next = server()
  const alice = new FakeHolder('alice', 'alice', 'with another token')
  assert.equal(give(next, { tunnel: 1, name: 'demo', claim }, alice), claim)
  assert.throws(() => next.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
})

test('the claim of an earlier tenure takes nothing from the agent that has the name now', () => {
  const { holdings } = holdingsAt()
  const alice = new FakeHolder('alice')
  const old = give(holdings, { tunnel: 1, name: 'demo' }, alice)
  holdings.leave(alice)
  const bob = new FakeHolder('bob', 'bob', 'another account')
  const claim = give(holdings, { tunnel: 1, name: 'demo' }, bob)
  assert.notEqual(claim, old)
  holdings.away(bob)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo', claim: old }, new FakeHolder('alice')), taken)
  give(holdings, { tunnel: 1, name: 'demo', claim }, bob)
})

test('names of an earlier process are away: found, kept for their claims, and free when nobody has come in a lease', () => {
  const claims = new Claims()
  const before = new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 3, claims })
  const claim = give(before, { tunnel: 1, name: 'demo' }, new FakeHolder('alice'))
  give(before, { tunnel: 1, name: 'pool', pool: true }, new FakeHolder('alice'))
  const names = [...before.records()]
  const clock = { now: 1_000 }
  const after = () => new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 2, claims, names, now: () => clock.now })
  const holdings = after()
  assert.deepEqual([...holdings.records()], names)
  assert.deepEqual(holdings.find('demo')!.seats, [])
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob')), taken)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'third' }, new FakeHolder('alice')), {
    code: 'TUN_ERR_ACCOUNT_LIMIT',
  })
  assert.equal(give(holdings, { tunnel: 1, name: 'demo', claim }, new FakeHolder('alice')), claim)
  give(holdings, { tunnel: 1, name: 'pool', pool: true }, new FakeHolder('alice'))
  const unwanted = after()
  clock.now += 500
  assert.equal(unwanted.find('demo'), undefined)
})

test('a name whose claim no agent has been told is kept for nobody', () => {
  const { holdings } = holdingsAt()
  const alice = new FakeHolder('alice')
  const holding = holdings.bind({ tunnel: 1, name: 'demo' }, alice)
  holdings.away(alice)
  assert.equal(holdings.find('demo'), undefined)
  assert.equal(holdings.has(holding, alice), false)
})

test('--force takes a name over from an agent of the same account: it is told, and its claim is void', () => {
  const { holdings } = holdingsAt()
  const first = new FakeHolder('first')
  const old = give(holdings, { tunnel: 7, name: 'demo' }, first)
  const second = new FakeHolder('second')
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, second), /is of your account: --force takes it over/)
  const claim = give(holdings, { tunnel: 1, name: 'demo', force: true }, second)
  assert.deepEqual(first.lost, ['demo (7)'])
  assert.equal(holderOf(holdings, 'demo'), second)
  holdings.away(first) // late news
  assert.equal(holderOf(holdings, 'demo'), second)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo', claim: old }, first), taken)
  holdings.away(second)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo', claim: old }, first), taken)
  give(holdings, { tunnel: 1, name: 'demo', claim }, second)
})

test('--force takes nothing from another account, which learns no more than that the name is taken', () => {
  const { holdings } = holdingsAt()
  const alice = new FakeHolder('alice')
  give(holdings, { tunnel: 1, name: 'demo' }, alice)
  const bob = new FakeHolder('bob', 'bob', 'another account')
  for (const request of [{ force: true }, { pool: true }, { force: true, pool: true }, {}]) {
    assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo', ...request }, bob), {
      code: 'TUN_ERR_NAME_TAKEN',
      detail: 'the name "demo" is in use, choose another one',
    })
  }
  assert.deepEqual(alice.lost, [])
})

test('the agents of a pool share a name, as many as ask for that, and it is away or free with the last of them', () => {
  const { holdings, clock } = holdingsAt()
  const [a, b, c] = ['a', 'b', 'c'].map((id) => new FakeHolder(id)) as [FakeHolder, FakeHolder, FakeHolder]
  const claim = give(holdings, { tunnel: 1, name: 'demo', pool: true }, a)
  assert.equal(give(holdings, { tunnel: 2, name: 'demo', pool: true }, b), claim)
  assert.equal(give(holdings, { tunnel: 3, name: 'demo', pool: true, claim }, new FakeHolder('x', 'x', 'other')), claim)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, c), /--pool joins those that serve it/)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo', claim }, c), taken)
  const { seats } = holdings.find('demo')!
  assert.equal(seats.length, 3)

  const again = new FakeHolder('b again', 'b')
  give(holdings, { tunnel: 5, name: 'demo', pool: true }, again)
  assert.deepEqual(b.lost, ['demo'])
  assert.deepEqual(
    holdings.find('demo')!.seats.map(({ holder }) => holder.id),
    ['a', 'x', 'b again'],
  )
  for (const member of holdings.find('demo')!.seats.slice(0, 2)) holdings.leave(member.holder)
  assert.equal(holderOf(holdings, 'demo'), again)
  holdings.away(again)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, new FakeHolder('bob', 'bob', 'other')), taken)
  give(holdings, { tunnel: 1, name: 'demo', pool: true }, a)
  holdings.leave(a)
  assert.equal(holdings.find('demo'), undefined)
  clock.now += 1

  give(holdings, { tunnel: 1, name: 'demo' }, a)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo', pool: true }, b), /--force takes it over/)
  give(holdings, { tunnel: 1, name: 'demo', pool: true, force: true }, b)
  assert.deepEqual(a.lost, ['demo (1)'])
  give(holdings, { tunnel: 1, name: 'demo', pool: true, force: true }, c)
  assert.equal(holdings.find('demo')!.seats.length, 2, 'whoever may join takes nothing over')
})

/** An agent on so many links, each of which has the name `demo`. */
function onLinks(holdings: Holdings, instance: string, count: number): FakeHolder[] {
  const links = Array.from({ length: count }, (_, i) => new FakeHolder(`${instance} ${i}`, instance, 'account', i))
  for (const holder of links) give(holdings, { tunnel: 1, name: 'demo' }, holder)
  return links
}

test('the links of one agent share its name, which is away or free with the agent and not with one of them', () => {
  const { holdings, clock } = holdingsAt()
  const links = onLinks(holdings, 'alice', 3)
  const tunnel = holdings.find('demo')!
  assert.deepEqual(
    tunnel.seats.map(({ holder }) => holder),
    links,
  )
  const stranger = new FakeHolder('bob', 'bob', 'other', 1)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, stranger), taken)
  const thief = new FakeHolder('alice, says bob', 'alice', 'other', 1)
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, thief), taken)

  const again = new FakeHolder('alice 1 again', 'alice', 'account', 1)
  give(holdings, { tunnel: 1, name: 'demo' }, again)
  assert.deepEqual(
    links.map(({ lost }) => lost),
    [[], ['demo'], []],
  )
  for (const holder of [links[0]!, again]) holdings.away(holder)
  clock.now += 1_000
  assert.equal(holderOf(holdings, 'demo'), links[2])
  holdings.leave(links[2]!)
  assert.equal(holdings.find('demo'), undefined)
})

test('an agent that leaves on one link leaves on all: one of them may have no way to say so', () => {
  const { holdings } = holdingsAt()
  const [first, second] = onLinks(holdings, 'alice', 2)
  second!.attached = false
  holdings.leave(first!)
  assert.equal(holdings.find('demo'), undefined)
})

test('an agent on several links is one agent: taken over as a whole, and one among others in a pool', () => {
  const { holdings } = holdingsAt()
  const links = onLinks(holdings, 'alice', 2)
  const bob = new FakeHolder('bob')
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'demo' }, bob), taken)
  give(holdings, { tunnel: 1, name: 'demo', force: true, pool: true }, bob)
  for (const { lost } of links) assert.deepEqual(lost, ['demo (1)'])

  const pooled = [0, 1].map((link) => new FakeHolder(`carol ${link}`, 'carol', 'account', link))
  for (const holder of pooled) give(holdings, { tunnel: 1, name: 'demo', pool: true }, holder)
  assert.equal(holdings.find('demo')!.seats.length, 3)
})

test('whoever wants to know hears which names are given and free, and of every change in who serves them', () => {
  const heard: string[] = []
  const holdings = new Holdings({
    leaseMs: 500,
    maxTunnelsPerAccount: 3,
    onGiven: (name) => heard.push(`${name} given`),
    onFree: (name) => heard.push(`${name} free`),
    onSeats: ({ seats }) => heard.push(seats.map(({ holder, told }) => `${holder.id}${told ? ' told' : ''}`).join()),
  })
  const [a, b] = [new FakeHolder('a'), new FakeHolder('b')]
  give(holdings, { tunnel: 1, name: 'demo' }, a)
  holdings.moved(a)
  give(holdings, { tunnel: 1, name: 'demo', force: true }, b)
  holdings.away(b)
  holdings.leave(b)
  assert.deepEqual(heard.splice(0), ['demo given', 'a', 'a told', 'a told', 'b', 'b told', ''])
  const pooled = [0, 1].map((link) => new FakeHolder(`c${link}`, 'c', 'account', link))
  for (const holder of pooled) give(holdings, { tunnel: 1, name: 'pool' }, holder)
  holdings.leave(pooled[0]!)
  assert.deepEqual(heard, ['pool given', 'c0', 'c0 told', 'c0 told,c1', 'c0 told,c1 told', 'pool free'])
  assert.deepEqual(pooled[1]!.lost, ['pool, left'])
})

test('what is kept of the names is said to have changed whenever it has', () => {
  let changes = 0
  const holdings = new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 3, onChange: () => changes++ })
  const [a, b] = [new FakeHolder('a'), new FakeHolder('b')]
  const steps: Array<() => unknown> = [
    () => give(holdings, { tunnel: 1, name: 'demo' }, a),
    () => give(holdings, { tunnel: 1, name: 'demo', force: true }, b),
    () => holdings.leave(b),
  ]
  for (const step of steps) {
    const before = changes
    step()
    assert.ok(changes > before, step.toString())
  }
})

const INSIDE = { allowIp: ['10.0.0.0/8'] }
const refusedFor = (code: string, words: RegExp) => (error: unknown) =>
  error instanceof TunnelError && error.code === code && words.test(error.detail)

test('rules are known before anybody who brings them has a seat, and are those of whoever has the name', () => {
  const told: unknown[] = []
  const holdings = new Holdings({
    leaseMs: 500,
    maxTunnelsPerAccount: 3,
    onRules: (name, rules) => told.push([name, rules]),
    onSeats: ({ seats }) => told.push(seats.length),
  })
  const claim = give(holdings, { tunnel: 1, name: 'demo', rules: INSIDE }, new FakeHolder('alice'))
  assert.deepEqual(told.splice(0), [['demo', INSIDE], 1, 1])
  give(holdings, { tunnel: 1, name: 'demo', claim, rules: INSIDE }, new FakeHolder('alice, again', 'alice'))
  assert.deepEqual(told.splice(0), [1, 1], 'the same as before')
  give(holdings, { tunnel: 1, name: 'demo', claim }, new FakeHolder('alice, without', 'alice'))
  assert.deepEqual(told, [['demo', undefined], 1, 1])
  assert.equal(holdings.find('demo')?.rules, undefined)
})

test('rules that can not be used are refused, and change nothing', () => {
  const { holdings } = holdingsAt()
  const alice = new FakeHolder('alice')
  const claim = give(holdings, { tunnel: 1, name: 'demo', rules: INSIDE }, alice)
  for (const name of ['demo', 'other']) {
    const request = { tunnel: 1, name, claim, rules: { allowIp: ['10.0.0.0/33'] } }
    const unusable = refusedFor(
      'TUN_ERR_RULES',
      /^rules\.allowIp\[0\]: expected an address or CIDR .*, found "10\.0\.0\.0\/33"$/,
    )
    assert.throws(() => holdings.bind(request, new FakeHolder('alice, again', 'alice')), unusable)
  }
  assert.deepEqual(holdings.find('demo')?.rules, INSIDE)
  assert.equal(holderOf(holdings, 'demo'), alice)
  assert.equal(holdings.find('other'), undefined)
})

test('agents of a pool have the same rules; another one is refused, or takes the name over on purpose', () => {
  const { holdings } = holdingsAt()
  const pool = { tunnel: 1, name: 'demo', pool: true }
  const alice = new FakeHolder('alice')
  give(holdings, { ...pool, rules: INSIDE }, alice)
  give(holdings, { ...pool, rules: { allowIp: ['10.0.0.0/8'] } }, new FakeHolder('bob'))
  const other = refusedFor('TUN_ERR_RULES', /^you can't join "demo": .* have other rules for visitors; .* --force/)
  for (const rules of [undefined, { allowIp: ['::1'] }]) {
    assert.throws(() => holdings.bind({ ...pool, rules }, new FakeHolder('carol')), other)
  }
  assert.deepEqual(holdings.find('demo')?.rules, INSIDE)
  assert.throws(() => holdings.bind(pool, new FakeHolder('stranger', 'stranger', 'another account')), taken)
  give(holdings, { ...pool, force: true }, new FakeHolder('carol'))
  assert.deepEqual(alice.lost, ['demo (1)'])
  assert.deepEqual([holdings.find('demo')?.rules, holdings.find('demo')?.seats.length], [undefined, 1])
})

test('the rules of a name stay with it while its agents are away, and the first one that is back brings its own', () => {
  const { holdings } = holdingsAt()
  const pool = { tunnel: 1, name: 'demo', pool: true }
  const alice = new FakeHolder('alice')
  const claim = give(holdings, { ...pool, rules: INSIDE }, alice)
  holdings.away(alice)
  assert.deepEqual(holdings.find('demo')?.rules, INSIDE)
  give(holdings, { ...pool, claim, rules: { denyIp: ['::1'] } }, new FakeHolder('bob'))
  assert.deepEqual(holdings.find('demo')?.rules, { denyIp: ['::1'] })
})

test('what an account may have is asked: how many names, which ones, and before a new one is given', () => {
  const asked: unknown[] = []
  const rights: NameRights = {
    maxTunnels: (account) => (account === 'small' ? 1 : undefined),
    checkName(name, account, isMadeUp) {
      asked.push([name, account, isMadeUp])
      if (name === 'kept') throw new TunnelError('TUN_ERR_FORBIDDEN', 'no')
    },
    isReserved: () => false,
    beginName: (account) => void asked.push(account),
  }
  const holdings = new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 3, rights })
  const [alice, small] = [new FakeHolder('alice'), new FakeHolder('small', 'small', 'small')]
  assert.throws(() => holdings.bind({ tunnel: 1, name: 'Kept' }, alice), { code: 'TUN_ERR_FORBIDDEN' })
  assert.deepEqual(asked.splice(0), [['kept', 'account', false]])
  assert.equal(holdings.find('kept'), undefined)
  const claim = give(holdings, { tunnel: 1, name: 'demo' }, alice)
  assert.deepEqual(asked.splice(0), [['demo', 'account', false], 'account'])

  const made = holdings.bind({ tunnel: 2 }, small)
  assert.deepEqual(asked.splice(0), ['small'])
  assert.throws(() => holdings.bind({ tunnel: 3 }, small), { code: 'TUN_ERR_ACCOUNT_LIMIT' })
  assert.deepEqual(asked.splice(0), [], 'what there is no room for is not begun')
  const proof = holdings.claimOf(made)
  holdings.leave(small)
  holdings.leave(alice)
  holdings.bind({ tunnel: 2, name: made.name, claim: proof }, small)
  holdings.bind({ tunnel: 1, name: 'demo', claim }, alice)
  assert.throws(() => holdings.bind({ tunnel: 3, name: 'a23456789bcde', claim: proof }, small))
  const [back, chosen, other] = asked
  assert.deepEqual(
    [back, chosen],
    [
      [made.name, 'small', true],
      ['demo', 'account', false],
    ],
  )
  assert.deepEqual(other, ['a23456789bcde', 'small', false], 'the proof is of another name')
})

test('no name is made up that is kept for somebody', () => {
  const seen: string[] = []
  const isReserved = (name: string) => seen.push(name) < 3
  const holdings = new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 3, rights: { ...anyName, isReserved } })
  const { name } = holdings.bind({ tunnel: 1 }, new FakeHolder('a'))
  assert.deepEqual([seen.length, seen[2]], [3, name])
})
