import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { rootCertificates } from 'node:tls'
import { originTarget, type TargetInput } from './target.js'
import { originTrust, type TrustInput } from './trust.js'

const folder = mkdtempSync(join(tmpdir(), 'tunnel-trust-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const [first = '', second = ''] = rootCertificates
const local: TargetInput = { url: 'https://localhost:8443' }
const remote: TargetInput = { url: 'https://app.test:8443' }

const rows: Array<[string, TargetInput, TrustInput, { serverName: string; verify: boolean }]> = [
  ['an app on loopback', local, {}, { serverName: 'localhost', verify: false }],
  ['an app at 127.0.0.1', { url: 'https://127.0.0.1' }, {}, { serverName: '127.0.0.1', verify: false }],
  ['an app at ::1', { url: 'https://[::1]' }, {}, { serverName: '::1', verify: false }],
  ['an app on a Unix socket', { unix: '/a', https: true }, {}, { serverName: 'localhost', verify: false }],
  ['an app elsewhere', remote, {}, { serverName: 'app.test', verify: true }],
  ['an app on loopback with a CA', local, { ca: first }, { serverName: 'localhost', verify: true }],
  ['a name on loopback', local, { serverName: 'app.internal' }, { serverName: 'app.internal', verify: false }],
  ['a name elsewhere', remote, { serverName: 'app.internal' }, { serverName: 'app.internal', verify: true }],
  ['an address as name', remote, { serverName: '192.0.2.7' }, { serverName: '192.0.2.7', verify: true }],
  [
    'several in one file',
    local,
    { ca: file('two', `# a\r\n${first}\n# b\n${second}`) },
    { serverName: 'localhost', verify: true },
  ],
]
for (const [what, target, input, expected] of rows) {
  test(`${what}: ${expected.verify ? '' : 'not '}verified, as ${expected.serverName}`, () => {
    const { serverName, verify } = originTrust(originTarget(target), input)!
    assert.deepEqual({ serverName, verify }, expected)
  })
}

test('an app that speaks HTTP needs no trust', () => {
  assert.equal(originTrust(originTarget({ port: 8080 }), {}), undefined)
})

const damaged = first.replace(/\n[^\n]{20}/, '\n')
const key = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'
const wrong: Array<[string, TargetInput, TrustInput, RegExp]> = [
  [
    'a file that is not there',
    local,
    { ca: '/nowhere/ca.pem' },
    /^origin-ca: cannot read \/nowhere\/ca.pem \(ENOENT\)$/,
  ],
  ['a folder', local, { ca: folder }, /^origin-ca: cannot read .* \(EISDIR\)$/],
  ['an empty file', local, { ca: file('empty', '') }, /^origin-ca: .*empty holds no certificate \(PEM/],
  ['a key', local, { ca: file('key', key) }, /^origin-ca: .*key holds no certificate/],
  [
    'a damaged certificate',
    local,
    { ca: file('bad', `${second}\n${damaged}`) },
    /^origin-ca: certificate 2 in .*bad is damaged$/,
  ],
  ['a key as text, which is not repeated', local, { ca: key }, /^origin-ca: the text given holds no certificate/],
  [
    'a name with a port',
    local,
    { serverName: 'a:1' },
    /^origin-server-name: expected a host such as app.internal, got "a:1"$/,
  ],
  ['an empty name', local, { serverName: '' }, /^origin-server-name: expected a host/],
  [
    'a CA for an app that speaks HTTP',
    { port: 80 },
    { ca: first },
    /^origin-ca: only for an app that speaks HTTPS; add --local-https$/,
  ],
  [
    'a name for an app that speaks HTTP',
    { port: 80 },
    { serverName: 'a' },
    /^origin-server-name: only for an app that speaks HTTPS/,
  ],
]
for (const [what, target, input, detail] of wrong) {
  test(`${what} is refused`, () => {
    assert.throws(() => originTrust(originTarget(target), input), { code: 'TUN_ERR_OPTION', detail })
  })
}
