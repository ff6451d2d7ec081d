import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TunnelError } from 'tunnel-protocol'
import { Claims } from './claims.js'
import type { Holder } from './holding.js'
import { Holdings } from './holdings.js'

// Agents of two accounts bind, lose their links, go, come back and take over, and the server restarts, with and without its file of names.
// The reference knows of each name its tenures in order, as the claims that were given for them.

const NAMES = ['one', 'two']
const LEASE_MS = 100

class Agent implements Holder {
  readonly id: string
  readonly account: string
  readonly instance: string
  readonly link: number
  attached = true
  /** What it asks of visitors. */
  readonly rules: unknown
  /** What it holds, as far as it has been told. */
  readonly holds = new Map<string, string>()
  constructor(id: number, process: number, link: number, account: string, rules: unknown) {
    this.id = String(id)
    this.link = link
    this.instance = `process ${process}`
    this.account = account
    this.rules = rules
  }
  replaced(name: string): void {
    this.holds.delete(name)
  }
  takenOver(name: string): void {
    this.holds.delete(name)
  }
  left(name: string): void {
    this.holds.delete(name)
  }
  end(): void {}
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('bind' as const),
      process: fc.nat(3),
      link: fc.nat(2),
      name: fc.constantFrom(...NAMES),
      /** Which of the claims that were given for the name it brings, counted from the last; none beyond the first. */
      claim: fc.nat(4),
      force: fc.boolean(),
      pool: fc.boolean(),
      rules: fc.constantFrom(undefined, { allowIp: ['10.0.0.0/8'] }, { denyIp: ['10.0.0.0/8'] }),
      told: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('away', 'leave', 'detach', 'attach'), agent: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart', 'restart without names', 'a lease passes') }) },
)

test('whatever agents do and servers suffer, a name has one owner, and a claim takes nothing from a later tenure', () => {
  const check = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const claims = new Claims()
    const clock = { now: 1_000 }
    const options = { leaseMs: LEASE_MS, maxTunnelsPerAccount: 10, claims, now: () => clock.now }
    let holdings = new Holdings(options)
    let agents: Agent[] = []
    /** Of each name the claims that were given, in the order of their tenures; a claim that gets its name back is the last again. */
    const given = new Map<string, string[]>(NAMES.map((name) => [name, []]))
    let count = 0

    for (const each of steps) {
      if (each.do === 'bind') {
        const { process, link, name, force, pool, rules } = each as Extract<typeof each, { do: 'bind' }>
        const known = given.get(name)!
        const claim = known.at(-1 - each.claim)
        const before = holdings.find(name)
        const holders = before?.seats.map(({ holder }) => holder as Agent) ?? []
        const agent = new Agent(count++, process, link, `account ${process % 2}`, rules)
        try {
          const request = { tunnel: 1, name, force, pool, rules, ...(claim === undefined ? {} : { claim }) }
          const wasPooled = before?.pooled ?? false
          const owner = before?.account
          const tenure = before?.tenure
          const holding = holdings.bind(request, agent)
          agents.push(agent)
          const current = holdings.claimOf(holding)
          if (before !== undefined) {
            assert.equal(holding, before)
            const isProven = claim !== undefined && claims.tenureOf(name, claim) === tenure
            assert.ok(
              isProven || owner === agent.account,
              'given to somebody who neither proved it nor shares the account',
            )
            const isShared =
              wasPooled === pool &&
              holders.some((holder) => holder.instance === agent.instance && holder.link !== agent.link)
            if (!isProven) assert.ok(force || isShared || (wasPooled && pool), 'given without having been asked for it')
            const others = holders.filter((holder) => holder.attached && holder.instance !== agent.instance)
            if (others.length > 0 && !isShared && !(wasPooled && pool)) {
              assert.ok(force && owner === agent.account, 'taken from an agent that is here, and not on purpose')
              assert.notEqual(before.tenure, tenure, 'taken over, and what was proven before still proves it')
            }
          }
          if (each.told) {
            holdings.told(name, agent)
            agent.holds.set(name, current)
            const at = known.indexOf(current)
            if (at >= 0) known.splice(at, 1)
            known.push(current)
          }
        } catch (error) {
          assert.ok(error instanceof TunnelError && /^TUN_ERR_(NAME_TAKEN|RULES)$/.test(error.code), String(error))
          assert.ok(before !== undefined, 'a free name was refused')
          assert.deepEqual(
            before.seats.map(({ holder }) => holder),
            holders,
            'a refusal changed who has the name',
          )
        }
      } else if ('agent' in each) {
        const agent = agents[each.agent % Math.max(1, agents.length)]
        if (agent === undefined) continue
        if (each.do === 'detach' || each.do === 'attach') agent.attached = each.do === 'attach'
        else {
          holdings[each.do as 'away' | 'leave'](agent)
          agents = agents.filter((other) => other !== agent)
        }
      } else if (each.do === 'a lease passes') {
        clock.now += LEASE_MS
        holdings.sweep()
      } else {
        const names = each.do === 'restart' ? [...holdings.records()] : []
        holdings = new Holdings({ ...options, names })
        agents = []
        assert.deepEqual([...holdings.records()], names)
      }

      let total = 0
      for (const record of holdings.records()) {
        total++
        const tunnel = holdings.find(record.name)
        if (tunnel === undefined) continue // a lease that has just ended
        const instances = new Set(tunnel.seats.map(({ holder }) => holder.instance))
        if (!tunnel.pooled) assert.ok(instances.size <= 1, `${record.name} has several owners`)
        const links = new Set(tunnel.seats.map(({ holder }) => `${holder.instance} ${holder.link}`))
        assert.equal(links.size, tunnel.seats.length, 'one link is there twice')
        for (const { holder } of tunnel.seats) {
          assert.ok(agents.includes(holder as Agent), 'held by one that is gone')
          assert.deepEqual((holder as Agent).rules, tunnel.rules, 'served by one that asks for other rules')
        }
      }
      assert.ok(total <= NAMES.length)
      for (const agent of agents) {
        for (const [name, claim] of agent.holds) {
          const tunnel = holdings.find(name)!
          assert.ok(
            tunnel.seats.some(({ holder }) => holder === agent),
            'lost a name and was not told',
          )
          assert.equal(claims.tenureOf(name, claim), tunnel.tenure, 'its claim is void and it was not told')
        }
      }
    }
  })
  fc.assert(check, { numRuns: 2_000 })
})
