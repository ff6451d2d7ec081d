import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TunnelError } from 'tunnel-protocol'
import { connectFailure, serverFailure } from './failure.js'

const failure = (code: string, message = 'x') => Object.assign(new Error(message), { code })

const rows: Array<[Error, string]> = [
  [failure('ECONNREFUSED'), 'nothing is listening there (ECONNREFUSED)'],
  [failure('ENOTFOUND'), 'there is no such host (ENOTFOUND)'],
  [new AggregateError([failure('ECONNREFUSED'), failure('ENETUNREACH')]), 'nothing is listening there (ECONNREFUSED)'],
  [new AggregateError([]), 'unknown error'],
  [failure('EHOSTUNREACH', 'connect EHOSTUNREACH 192.0.2.1:443'), 'connect EHOSTUNREACH 192.0.2.1:443 (EHOSTUNREACH)'],
  [
    failure('SELF_SIGNED_CERT_IN_CHAIN'),
    'its certificate comes from nobody who is trusted here; --ca takes a file of who is (SELF_SIGNED_CERT_IN_CHAIN)',
  ],
  [
    failure('ERR_TLS_CERT_ALTNAME_INVALID', 'Host: a. is not in the cert’s altnames: DNS:secret'),
    'its certificate is for another host; is this the host that it is known by? (ERR_TLS_CERT_ALTNAME_INVALID)',
  ],
  [failure('CERT_HAS_EXPIRED'), 'its certificate has expired (CERT_HAS_EXPIRED)'],
  [failure('CERT_NOT_YET_VALID'), 'its certificate is not valid yet; compare the clocks (CERT_NOT_YET_VALID)'],
  [failure('ERR_SSL_WRONG_VERSION_NUMBER'), 'it does not speak HTTPS (ERR_SSL_WRONG_VERSION_NUMBER)'],
  [failure('ERR_SSL_X', '80:error:0A\n'), 'TLS with it does not come about (ERR_SSL_X)'],
  [failure('EPROTO', 'write EPROTO 80:error:0A:../deps\n'), 'TLS with it does not come about (EPROTO)'],
  [new Error('one line\nand more'), 'one line'],
]
for (const [error, expected] of rows) {
  test(`what is told is that ${expected}`, () => {
    const { code, detail, cause } = connectFailure('https://x.test', error)
    assert.deepEqual([code, detail, cause], ['TUN_ERR_CONNECT', `cannot reach https://x.test: ${expected}`, error])
  })
}

test('what a proxy said is passed on; what is no HTTP, or no link, is no server', () => {
  const said = new TunnelError('TUN_ERR_PROXY', 'no')
  assert.equal(serverFailure('https://x.test', said), said)
  for (const error of [new TunnelError('TUN_ERR_NOT_A_SERVER', 'x'), failure('HPE_INVALID_CONSTANT')]) {
    const { code, detail } = serverFailure('https://x.test', error)
    assert.deepEqual([code, detail], ['TUN_ERR_NOT_A_SERVER', 'https://x.test answers, but is not a tunnel-server'])
  }
  assert.equal(serverFailure('https://x.test', failure('ECONNRESET')).code, 'TUN_ERR_CONNECT')
})
