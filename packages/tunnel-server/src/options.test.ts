import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readServerOptions, serverOptionsFrom } from './options.js'

test('flags win over the environment, the environment over the default', () => {
  const env = { TUNNEL_DOMAIN: 'env.example.com', TUNNEL_LEASE: '5m' }
  const options = readServerOptions({ domain: 'Flag.Example.com' }, env)
  assert.equal(options.domain, 'flag.example.com')
  assert.equal(options.leaseMs, 300_000)
  assert.equal(options.port, 8_000)
})

const contacts = [
  ['abuse@example.com', 'mailto:abuse@example.com'],
  ['mailto:abuse@example.com?subject=x', 'mailto:abuse@example.com?subject=x'],
  ['https://example.com/abuse', 'https://example.com/abuse'],
] as const
for (const [given, contact] of contacts) {
  test(`abuse can be reported to ${given}`, () =>
    assert.equal(readServerOptions({ abuseContact: given }, {}).abuseContact, contact))
}

const wrong: Array<[Record<string, string>, Record<string, string>, RegExp]> = [
  [
    {},
    { TUNNEL_DRAIN: 'soon' },
    /TUNNEL_DRAIN: expected a duration such as 500ms, 30s, 10m or 2h, at most 24d, got "soon"/,
  ],
  [{ port: '70000' }, {}, /--port: expected a whole number from 0 to 65535, got "70000"/],
  [{ domain: 'exa mple' }, {}, /--domain: expected a domain such as tunnel.example.com, got "exa mple"/],
  [{ publicUrl: 'ftp://x' }, {}, /--public-url: expected a URL/],
  [{ abuseContact: 'javascript:alert(1)' }, {}, /--abuse-contact: expected an address or URL such as/],
  [{ abuseContact: 'somebody' }, {}, /--abuse-contact: expected an address or URL such as/],
  [{ logLevel: 'loud' }, {}, /--log-level: expected one of fatal, error/],
  [{ maxHeaderBytes: '1g' }, {}, /--max-header-bytes: expected a size such as 64k/],
]
for (const [flags, env, message] of wrong) {
  test(`${JSON.stringify({ ...flags, ...env })} is refused, naming the source`, () => {
    assert.throws(() => readServerOptions(flags, env), message)
  })
}

test('options given in code are checked too', () => {
  assert.throws(() => serverOptionsFrom({ domain: '-' }), /TUN_ERR_OPTION: domain/)
})
