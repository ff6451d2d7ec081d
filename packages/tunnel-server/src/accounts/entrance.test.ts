import assert from 'node:assert/strict'
import { timingSafeEqual } from 'node:crypto'
import { test } from 'node:test'
import { Entrance, type EntranceSettings } from './entrance.js'
import { Roster, type RosterAccount, type RosterToken } from './roster.js'
import { newToken } from './token-text.js'

const closed: EntranceSettings = {
  open: undefined,
  isLocal: false,
  tokens: [],
  sessionsPerMinute: 0,
  namesPerMinute: 0,
}
const HOME = '192.0.2.1'
const unauthorized = { code: 'TUN_ERR_UNAUTHORIZED' }

function account(name: string, given: Partial<RosterAccount> = {}): RosterAccount {
  return { key: `account ${name}`, name, role: 'user', names: [], limits: {}, ban: undefined, ...given }
}

function tokenOf(owner: RosterAccount, expiresAt = Number.POSITIVE_INFINITY) {
  const { id, text, digest } = newToken()
  const row: RosterToken = { id, digest, account: owner, expiresAt }
  return { text, row }
}

test('a token opens the door for its account, from anywhere; without one nobody comes in', () => {
  const alice = account('alice')
  const { text, row } = tokenOf(alice)
  const entrance = new Entrance({ ...closed, tokens: ['static'] })
  entrance.roster = new Roster([alice], [row])
  for (const address of [HOME, '192.0.2.2']) {
    assert.deepEqual(entrance.admit({ token: text, address }), {
      account: 'account alice',
      known: alice,
      token: row.id,
    })
  }
  assert.match(entrance.admit({ token: 'static', address: HOME }).account, /^token /)
  assert.throws(() => entrance.admit({ token: undefined, address: HOME }), {
    ...unauthorized,
    message: /this server wants a token: set TUNNEL_TOKEN or pass --token-file; .*tunnel-server token create/,
  })
})

test('unknown, wrong, revoked and expired tokens, and those of accounts that are gone, are refused in the same words after as many comparisons', () => {
  const alice = account('alice')
  const [good, revoked, expired, gone] = [tokenOf(alice), tokenOf(alice), tokenOf(alice, 500), tokenOf(account('bob'))]
  const entrance = new Entrance({ ...closed, tokens: ['static', 'another'] }, () => 500)
  entrance.roster = new Roster([alice], [good.row, expired.row])
  const wrong = `${good.text.slice(0, -1)}${good.text.endsWith('a') ? 'b' : 'a'}`
  const refused = [
    wrong,
    revoked.text,
    expired.text,
    gone.text,
    newToken().text,
    'static ',
    'x',
    '',
    'tun_',
    'ü'.repeat(500),
  ]
  const seen = new Set<string>()
  let count = 0
  const counting: typeof timingSafeEqual = (a, b) => {
    count++
    return timingSafeEqual(a, b)
  }
  for (const token of [good.text, 'static', ...refused]) {
    count = 0
    try {
      entrance.admit({ token, address: HOME }, counting)
      assert.ok(!refused.includes(token), 'let in')
    } catch (error) {
      seen.add(String(error))
      assert.ok(!token || !String(error).includes(token), 'a refusal does not repeat the token')
    }
    assert.equal(count, 3, token)
  }
  assert.deepEqual(
    [...seen],
    ['TunnelError: TUN_ERR_UNAUTHORIZED: this server does not know the token, or it is not valid any more'],
  )
})

test('a ban is told to whoever has a good token of the account, and to nobody else', () => {
  const mallory = account('mallory', { ban: 'spam' })
  const [good, expired] = [tokenOf(mallory), tokenOf(mallory, 1)]
  const entrance = new Entrance(closed)
  entrance.roster = new Roster([mallory], [good.row, expired.row])
  const enter = (token: string) => entrance.admit({ token, address: HOME })
  assert.throws(() => enter(good.text), { code: 'TUN_ERR_FORBIDDEN', message: /your account is banned: spam$/ })
  assert.throws(() => enter(expired.text), unauthorized)
  assert.throws(() => enter(`${good.text.slice(0, -4)}aaaa`), unauthorized)
  entrance.roster = new Roster(
    [{ ...mallory, ban: undefined }],
    [{ ...good.row, account: { ...mallory, ban: undefined } }],
  )
  assert.equal(enter(good.text).account, 'account mallory')
})

const rows: Array<[what: string, settings: Partial<EntranceSettings>, accounts: RosterAccount[], open: boolean]> = [
  ['a fresh server on localhost', { isLocal: true }, [], true],
  ['a fresh server on a domain', {}, [], false],
  ['on a domain with --open', { open: true }, [], true],
  ['on a domain with --open and accounts', { open: true }, [account('alice')], true],
  ['on localhost with a token', { isLocal: true, tokens: ['one'] }, [], false],
  ['on localhost with an account', { isLocal: true }, [account('alice')], false],
  ['on localhost with TUNNEL_OPEN=false', { isLocal: true, open: false }, [], false],
]
for (const [what, settings, accounts, open] of rows) {
  test(`${what}: ${open ? 'everyone' : 'nobody'} comes in without a token`, () => {
    const entrance = new Entrance({ ...closed, ...settings })
    entrance.roster = new Roster(accounts)
    assert.equal(entrance.open, open)
    const enter = () => entrance.admit({ token: undefined, address: HOME })
    if (open) assert.deepEqual(enter(), { account: `address ${HOME}`, known: undefined, token: undefined })
    else assert.throws(enter, unauthorized)
  })
}

test('where everyone comes in, a token that is shown has to be right, unless there are none', () => {
  const entrance = new Entrance({ ...closed, open: true })
  const enter = () => entrance.admit({ token: 'of another server', address: HOME })
  assert.equal(enter().account, `address ${HOME}`)
  entrance.roster = new Roster([account('alice')])
  assert.throws(enter, unauthorized)
})

test('the first account closes a server on localhost, its guests have to go, and removing it does not open the server again', () => {
  const entrance = new Entrance({ ...closed, isLocal: true })
  const guest = entrance.admit({ token: undefined, address: HOME })
  assert.equal(entrance.objection(guest), undefined)
  entrance.roster = new Roster([account('alice')])
  assert.equal(entrance.objection(guest)?.code, 'TUN_ERR_UNAUTHORIZED')
  entrance.roster = new Roster()
  assert.equal(entrance.open, false)
  entrance.settings = { ...closed, isLocal: true, open: true }
  assert.equal(entrance.open, true)
})

test('whose token is revoked, has expired or is of an account that is banned or gone may not stay', () => {
  let now = 0
  const alice = account('alice')
  const [first, second] = [tokenOf(alice), tokenOf(alice, 1_000)]
  const entrance = new Entrance({ ...closed, tokens: ['one'] }, () => now)
  entrance.roster = new Roster([alice], [first.row, second.row])
  const entries = [first.text, second.text, 'one'].map((token) => entrance.admit({ token, address: HOME }))
  const codes = () => entries.map((entry) => entrance.objection(entry)?.code)
  assert.deepEqual(codes(), [undefined, undefined, undefined])
  now = 1_000
  assert.deepEqual(codes(), [undefined, 'TUN_ERR_UNAUTHORIZED', undefined])
  const banned = { ...alice, ban: '' }
  entrance.roster = new Roster([banned], [{ ...first.row, account: banned }])
  assert.deepEqual(codes(), ['TUN_ERR_FORBIDDEN', 'TUN_ERR_UNAUTHORIZED', undefined])
  entrance.roster = new Roster()
  entrance.settings = closed
  assert.deepEqual(codes(), ['TUN_ERR_UNAUTHORIZED', 'TUN_ERR_UNAUTHORIZED', 'TUN_ERR_UNAUTHORIZED'])
})

test('an account has the names of its patterns and made-up ones; other accounts have neither them nor names reserved by others', () => {
  const alice = account('alice', { names: ['alice', 'alice-*'], limits: { tunnels: 2 } })
  const [bob, team] = [account('bob'), account('team', { names: ['shared', 'alice-shared'] })]
  const entrance = new Entrance(closed)
  entrance.roster = new Roster([alice, bob, team])
  const may = (name: string, key: string, isMadeUp = false) => {
    try {
      entrance.checkName(name, key, isMadeUp)
      return true
    } catch (error) {
      assert.match(String(error), /TUN_ERR_FORBIDDEN: your account may not have the name "/)
      assert.ok(key === alice.key || !String(error).includes('alice,'), 'names of others are not told')
      return false
    }
  }
  for (const name of ['alice', 'alice-1', 'alice-shared']) assert.ok(may(name, alice.key), name)
  for (const name of ['other', 'alicex', 'shared']) assert.ok(!may(name, alice.key), name)
  assert.ok(may('k3v9x2m4qaaaa', alice.key, true))
  assert.ok(!may('k3v9x2m4qaaaa', alice.key))
  assert.ok(may('alice-shared', team.key), 'two may share a name')
  for (const key of [bob.key, 'token 0123456789abcdef', `address ${HOME}`]) {
    assert.ok(may('other', key))
    for (const name of ['alice', 'alice-1', 'shared']) assert.ok(!may(name, key) && !may(name, key, true), name)
  }
  assert.deepEqual([entrance.isReserved('alice-1'), entrance.isReserved('other')], [true, false])
  assert.deepEqual(
    [alice, bob].map(({ key }) => entrance.maxTunnels(key)),
    [2, undefined],
  )
})

test('guests begin so many sessions and names a minute from one address; accounts, and servers on localhost, are not counted', () => {
  const settings = { ...closed, open: true, sessionsPerMinute: 2, namesPerMinute: 1 }
  const entrance = new Entrance(settings, () => 0)
  const guest = (address: string) => entrance.admit({ token: undefined, address })
  for (let i = 0; i < 2; i++) entrance.beginSession(guest(HOME))
  assert.throws(() => entrance.beginSession(guest(HOME)), {
    code: 'TUN_ERR_ACCOUNT_LIMIT',
    message: /more new sessions from your address than .* try again in 30 s/,
  })
  entrance.beginSession(guest('192.0.2.2'))
  entrance.beginName(guest(HOME).account)
  assert.throws(() => entrance.beginName(guest(HOME).account), /more new names/)
  for (let i = 0; i < 5; i++) entrance.beginName('account alice')
  entrance.settings = { ...settings, isLocal: true }
  for (let i = 0; i < 5; i++) entrance.beginSession(guest(HOME))
})

test('what has changed a moment ago counts for whoever comes now', () => {
  const alice = account('alice')
  const { text, row } = tokenOf(alice)
  const entrance = new Entrance(closed)
  const enter = () => entrance.admit({ token: text, address: HOME })
  assert.throws(enter, unauthorized)
  entrance.refresh = () => {
    entrance.roster = new Roster([alice], [row])
  }
  assert.equal(enter().token, row.id)
})
