import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { Entrance, type EntranceSettings } from '../accounts/entrance.js'
import { AccountSessions } from '../accounts/sessions.js'
import type { Holder } from '../registry/holding.js'
import { Holdings } from '../registry/holdings.js'
import { type Grant, LocalAuthority } from './authority.js'

class FakeHolder implements Holder {
  readonly id: string
  readonly instance: string
  readonly link = 0
  account = ''
  attached = true
  ended: string | undefined
  constructor(id: string) {
    this.id = id
    this.instance = id
  }
  replaced(): void {}
  takenOver(): void {}
  left(): void {}
  end({ code }: TunnelError): void {
    this.ended = code
  }
}

const open: EntranceSettings = { open: true, isLocal: true, tokens: [], sessionsPerMinute: 0, namesPerMinute: 0 }

function world(maxSessions = 2, settings = open) {
  const entrance = new Entrance(settings)
  const saves: Array<() => void> = []
  const holdings = new Holdings({ leaseMs: 500, maxTunnelsPerAccount: 3 })
  const sessions = new AccountSessions(maxSessions)
  const authority = new LocalAuthority({ entrance, holdings, sessions, whenSaved: (then) => saves.push(then) })
  const save = () => {
    for (const then of saves.splice(0)) then()
  }
  const enter = (holder: Holder, token?: string) => {
    let outcome: TunnelError | undefined | 'no answer' = 'no answer'
    authority.enter(holder, { token, address: '192.0.2.1' }, (error) => {
      outcome = error
    })
    return outcome
  }
  return { authority, entrance, holdings, save, enter }
}

test('a name is given once it is saved, unless it has been lost by then', () => {
  const { authority, save } = world()
  const [alice, bob] = [new FakeHolder('alice'), new FakeHolder('bob')]
  const granted: string[] = []
  const bind = (holder: Holder, force = false) =>
    authority.bind({ tunnel: 1, name: 'demo', force }, holder, (grant: Grant | TunnelError | undefined) =>
      granted.push(`${holder.id} ${grant instanceof TunnelError ? grant.code : grant?.name}`),
    )
  bind(alice)
  bind(bob)
  assert.deepEqual(granted, ['bob TUN_ERR_NAME_TAKEN'])
  bind(bob, true)
  save()
  assert.deepEqual(granted.splice(0), ['bob TUN_ERR_NAME_TAKEN', 'alice undefined', 'bob demo'])
  authority.leave(bob)
  bind(alice)
  save()
  assert.deepEqual(granted, ['alice demo'])
})

test('sessions count against their account while they have a link; one that is back counts whatever the limit', () => {
  const { authority, enter } = world(1)
  const [alice, bob] = [new FakeHolder('alice'), new FakeHolder('bob')]
  const full = (holder: Holder) => (enter(holder) as unknown as TunnelError | undefined)?.code
  assert.equal(full(alice), undefined)
  assert.equal(full(bob), 'TUN_ERR_ACCOUNT_LIMIT')
  authority.over(bob)
  alice.attached = false
  authority.moved(alice)
  authority.moved(alice)
  assert.deepEqual([authority.sessionCount, full(bob)], [0, undefined])
  alice.attached = true
  authority.moved(alice)
  authority.moved(alice)
  assert.equal(authority.sessionCount, 2)
  for (const holder of [alice, bob, bob]) authority.over(holder)
  assert.deepEqual([authority.sessionCount, full(new FakeHolder('carol'))], [0, undefined])
})

test('who comes in has the account of the token, and has to go when that is good no more; others stay', () => {
  const settings = { ...open, open: false, tokens: ['one', 'two'] }
  const { authority, entrance, enter } = world(2, settings)
  const [alice, bob, carol] = [new FakeHolder('alice'), new FakeHolder('bob'), new FakeHolder('carol')]
  assert.equal(enter(alice, 'one'), undefined)
  assert.equal(enter(bob, 'two'), undefined)
  assert.equal((enter(carol, 'three') as unknown as TunnelError).code, 'TUN_ERR_UNAUTHORIZED')
  assert.match(alice.account, /^token [0-9a-f]{16}$/)
  assert.notEqual(alice.account, bob.account)
  assert.deepEqual([carol.account, authority.sessionCount], ['', 2])
  authority.review()
  entrance.settings = { ...settings, tokens: ['two'] }
  assert.deepEqual([alice.ended, bob.ended], [undefined, undefined])
  authority.review()
  assert.deepEqual([alice.ended, bob.ended, carol.ended], ['TUN_ERR_UNAUTHORIZED', undefined, undefined])
  authority.over(alice)
  alice.ended = undefined
  authority.review()
  assert.equal(alice.ended, undefined)
})
