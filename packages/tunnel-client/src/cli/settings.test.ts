import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { readSettings } from './settings.js'

const folder = mkdtempSync(join(tmpdir(), 'tunnel-settings-'))
after(() => rmSync(folder, { recursive: true }))
const path = join(folder, 'tunnel.yaml')

async function read(yaml: string, flags = {}, env = {}) {
  writeFileSync(path, yaml)
  return readSettings({ config: path, ...flags }, env)
}

test('without a file there are flags, environment and defaults', async () => {
  const { options, rules } = await readSettings({ port: '8080' }, { TUNNEL_DENY_IP: '::1' })
  assert.deepEqual([options.port, options.denyIp, options.allowIp, rules], [8_080, ['::1'], [], undefined])
})

test('a file holds any of the settings, and rules; a flag wins, then the environment', async () => {
  const yaml = 'port: 3000\nsubdomain: demo\npool: true\nallow-ip: [10.0.0.0/8, "::1"]\nrules:\n  denyIp: [192.0.2.1]\n'
  const { options, rules } = await read(yaml, { port: '3001' }, { TUNNEL_SUBDOMAIN: 'other' })
  assert.deepEqual([options.port, options.subdomain, options.pool], [3_001, 'other', true])
  assert.deepEqual([options.allowIp, rules], [['10.0.0.0/8', '::1'], { denyIp: ['192.0.2.1'] }])
})

test('users come one a flag, one a line, or as a list', async () => {
  const users = ['alice:a,b', 'bob:c']
  assert.deepEqual((await read('basic-auth: ["alice:a,b", "bob:c"]\n')).options.basicAuth, users)
  assert.deepEqual((await readSettings({ basicAuth: users }, {})).options.basicAuth, users)
  assert.deepEqual((await readSettings({}, { TUNNEL_BASIC_AUTH: users.join('\n') })).options.basicAuth, users)
})

test('the environment can name the file', async () => {
  writeFileSync(path, 'port: 3000\n')
  assert.equal((await readSettings({}, { TUNNEL_CLIENT_CONFIG: path })).options.port, 3_000)
})

const wrong: Array<[yaml: string, flags: object, code: string, words: RegExp]> = [
  ['ports: 1\n', {}, 'TUN_ERR_OPTION', /tunnel\.yaml: there is no setting "ports"/],
  ['rules: 7\n', {}, 'TUN_ERR_RULES', /tunnel\.yaml: rules: expected an object, found a number$/],
  [
    'rules: {allowIp: [x]}\n',
    {},
    'TUN_ERR_RULES',
    /tunnel\.yaml: rules\.allowIp\[0\]: expected an address .*, found "x"$/,
  ],
  [
    'rules: {allow-ip: [x]}\n',
    {},
    'TUN_ERR_RULES',
    /tunnel\.yaml: rules: expected no fields but allowIp, .*, found "allow-ip"$/,
  ],
  ['allow-ip: []\n', {}, 'TUN_ERR_OPTION', /tunnel\.yaml: allow-ip: expected addresses or CIDRs/],
  [
    '',
    { allowIp: ['10.0.0.0/33'] },
    'TUN_ERR_OPTION',
    /^--allow-ip: expected addresses or CIDRs .*, got "10\.0\.0\.0\/33"$/,
  ],
  ['basic-auth: hunter2\n', {}, 'TUN_ERR_OPTION', /tunnel\.yaml: basic-auth: expected user:password$/],
  ['', { basicAuth: ['alice:hunter2', 'hunter2'] }, 'TUN_ERR_OPTION', /^--basic-auth: expected user:password$/],
  ['', { basicAuth: [''] }, 'TUN_ERR_OPTION', /^--basic-auth: expected user:password$/],
  ['', { denyIp: [''] }, 'TUN_ERR_OPTION', /^--deny-ip: expected addresses or CIDRs .*, got ""$/],
]
for (const [yaml, flags, code, words] of wrong) {
  test(`${JSON.stringify(flags)} and ${JSON.stringify(yaml)} are refused, naming the source`, async () => {
    const refused = (error: unknown) => error instanceof TunnelError && error.code === code && words.test(error.detail)
    await assert.rejects(read(yaml, flags), refused)
  })
}
