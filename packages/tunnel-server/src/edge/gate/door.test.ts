import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashPassword, parseRequestHead, provenance } from 'tunnel-protocol'
import { Attempts } from './attempts.js'
import type { GateContext } from './context.js'
import { Door } from './door.js'
import { Passes, ruleDigest, WARNED } from './passes.js'
import { PasswordChecks } from './password-checks.js'
import { passwordRule } from './sign-in.js'

const hash = hashPassword('open sesame')
const KEY = Buffer.alloc(32, 1)

/** Doors of the tunnel `demo`. `proto`: how its visitors come. */
function world() {
  const rule = passwordRule({ hash })
  const log: string[] = []
  const info = (_: object, message: string) => void log.push(message)
  const context: GateContext = {
    settings: {
      passKey: KEY,
      interstitial: false,
      abuseContact: undefined,
      accessLog: { debug() {}, info, warn() {}, error() {} },
    },
    passes: new Passes(KEY),
    checks: new PasswordChecks(new Attempts({ burst: 3, regainMs: 6_000 }, () => 1_000)),
  }
  const come = async (
    line: string,
    form: Record<string, string> = {},
    lines: string[] = [],
    proto: 'http' | 'https' = 'http',
  ) => {
    const head = [`${line} HTTP/1.1`, 'Host: demo.example.com', ...lines].map((each) => `${each}\r\n`).join('')
    const request = parseRequestHead(head)
    const peer = { address: '192.0.2.1', proto, port: 80, trusted: false, isTrusted: () => false }
    const door = new Door(context, 'demo', rule, request, provenance(request, peer))
    const { status, headers, body } = await door.answer(new URLSearchParams(form))
    const field = (name: string) => new RegExp(`^${name}: (.*)\r$`, 'im').exec(headers)?.[1]
    return { status, field, text: body.toString() }
  }
  return { come, log }
}

const SIGN_IN = 'POST /.tunnel/sign-in'

test('whoever knows the password gets a pass, and goes where he wanted to go', async () => {
  const { come, log } = world()
  const { status, field } = await come(SIGN_IN, { password: 'open sesame', to: '/a?b=c' })
  assert.deepEqual([status, field('location')], [303, '/a?b=c'])
  const [, value, attributes] = /^tunnel-pass=([^;]+)(;.*)$/.exec(field('set-cookie')!)!
  assert.equal(attributes, '; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax')
  const pass = new Passes(KEY).read(value!)!
  assert.deepEqual([pass.tunnel, pass.rule, pass.path], ['demo', ruleDigest('password', hash), '/'])
  assert.ok(Math.abs(pass.ends - Date.now() - 604_800_000) < 60_000)
  assert.deepEqual(log, ['signed in'])
})

test('over TLS the pass is in a cookie of this host alone', async () => {
  const { field } = await world().come(SIGN_IN, { password: 'open sesame' }, [], 'https')
  assert.match(
    field('set-cookie')!,
    /^__Host-tunnel-pass=[^;]+; Path=\/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure$/,
  )
  assert.equal(field('location'), '/')
})

test('whoever does not know it is asked again, and has so many guesses', async () => {
  const { come, log } = world()
  for (const password of ['a', 'b', 'c']) {
    const { status, text, field } = await come(SIGN_IN, { password, to: '/a' })
    assert.deepEqual([status, field('set-cookie'), field('www-authenticate')], [401, undefined, 'Form'])
    assert.match(text, /role="alert">That is not the password\.<.*/)
    assert.match(text, /name="to" value="\/a"/)
    assert.doesNotMatch(text, /value="a"/)
  }
  const { status, text, field } = await come(SIGN_IN, { password: 'd' })
  assert.deepEqual([status, field('retry-after')], [429, '6'])
  assert.match(text, /Too many passwords have been tried\. Try again in 6 s\./)
  assert.equal((await come(SIGN_IN, { password: 'a' })).status, 401, 'of this one it is known that it is wrong')
  assert.deepEqual(new Set(log), new Set(['refused by password']))
})

test('nobody is sent to another host, and nothing is written into the answer', async () => {
  const { come } = world()
  for (const to of ['//evil.example', 'https://evil.example', '/\\evil', '/a\r\nX: y', '/.tunnel/sign-out']) {
    const { status, field } = await come(SIGN_IN, { password: 'open sesame', to })
    assert.deepEqual([status, field('location'), field('x')], [303, '/', undefined])
  }
  const { text } = await come('GET /.tunnel/sign-in?to=%22%3E%3Cscript%3E')
  assert.doesNotMatch(text, /<script/)
})

const foreign = [
  ['Sec-Fetch-Site: cross-site'],
  ['Sec-Fetch-Site: same-site', 'Origin: http://demo.example.com'],
  ['Origin: http://other.example.com'],
  ['Origin: https://demo.example.com'],
  ['Origin: null'],
]
for (const lines of foreign) {
  test(`a form with ${lines.join(' and ')} counts as none`, async () => {
    const { come, log } = world()
    const { status, field } = await come(SIGN_IN, { password: 'open sesame' }, lines)
    assert.deepEqual([status, field('set-cookie'), log], [401, undefined, []])
  })
}

for (const lines of [['Sec-Fetch-Site: same-origin'], ['Sec-Fetch-Site: none'], ['Origin: http://DEMO.example.com']]) {
  test(`a form with ${lines[0]} is ours`, async () => {
    assert.equal((await world().come(SIGN_IN, { password: 'open sesame' }, lines)).status, 303)
  })
}

test('the page to sign in on can be asked for, and leads to the root or where its query says', async () => {
  const { come } = world()
  const { status, text } = await come('GET /.tunnel/sign-in?to=%2Fa%3Fb')
  assert.equal(status, 200)
  assert.match(text, /name="to" value="\/a\?b"/)
  assert.match((await come('GET /.tunnel/sign-in')).text, /name="to" value="\/"/)
})

test('who signs out has no pass any more', async () => {
  const { status, field } = await world().come('GET /.tunnel/sign-out')
  assert.equal(status, 200)
  assert.equal(field('set-cookie'), 'tunnel-pass=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax')
})

test('who has read the warning does not see it again for a month, unless another site says that he has', async () => {
  const { come } = world()
  const { status, field } = await come('POST /.tunnel/continue', { to: '/a' }, ['Sec-Fetch-Site: same-origin'])
  assert.deepEqual([status, field('location')], [303, '/a'])
  const [, value] = /^tunnel-pass-warned=([^;]+); Path=\/; Max-Age=2592000; HttpOnly; SameSite=Lax$/.exec(
    field('set-cookie')!,
  )!
  assert.equal(new Passes(KEY).read(value!)?.rule, WARNED)
  const foreign = await come('POST /.tunnel/continue', { to: '/a' }, ['Sec-Fetch-Site: cross-site'])
  assert.deepEqual([foreign.status, foreign.field('set-cookie')], [403, undefined])
  assert.match(foreign.text, /You are about to visit demo\.<wbr>example\.<wbr>com/)
  assert.equal((await come('GET /.tunnel/continue')).status, 404)
})

test('there is nothing else behind the door', async () => {
  const { come } = world()
  for (const line of ['GET /.tunnel/', 'GET /.tunnel/sign-in/', 'GET /.tunnel/api/health']) {
    assert.equal((await come(line)).status, 404)
  }
})
