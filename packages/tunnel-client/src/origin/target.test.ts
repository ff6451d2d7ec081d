import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { authority, isLoopback, originTarget, type TargetInput, targetName, targetUrl } from './target.js'

const rows: Array<[TargetInput, string]> = [
  [{ port: 8080 }, 'http://localhost:8080'],
  [{ url: '8080' }, 'http://localhost:8080'],
  [{ url: 'app.test:3000' }, 'http://app.test:3000'],
  [{ url: '192.168.1.20:3000' }, 'http://192.168.1.20:3000'],
  [{ url: 'http://app.test' }, 'http://app.test:80'],
  [{ url: 'https://localhost' }, 'https://localhost:443'],
  [{ url: 'https://[::1]:8443/' }, 'https://[::1]:8443'],
  [{ url: 'https://localhost:8443', port: 9 }, 'https://localhost:9'],
  [{ port: 8080, host: 'app.test', https: true }, 'https://app.test:8080'],
  [{ unix: '/run/app.sock' }, 'unix:/run/app.sock'],
  [{ unix: '/run/../run/app.sock', https: true }, 'https+unix:/run/app.sock'],
  [{ unix: 'app.sock' }, `unix:${resolve('app.sock')}`],
  [{ url: 'unix:/run/app.sock' }, 'unix:/run/app.sock'],
  [{ url: 'unix:///run/app.sock' }, 'unix:/run/app.sock'],
  [{ url: 'unix:app.sock' }, `unix:${resolve('app.sock')}`],
  [{ url: 'https+unix:/run/app.sock' }, 'https+unix:/run/app.sock'],
  [{ url: 'unix:/run/app.sock', https: true }, 'https+unix:/run/app.sock'],
]
for (const [input, expected] of rows) {
  test(`${JSON.stringify(input)} is ${expected}`, () => assert.equal(targetUrl(originTarget(input)), expected))
}

const wrong: Array<[TargetInput, RegExp]> = [
  [{}, /the port of the local app is missing: tunnel -p 8080/],
  [{ url: 'app.test:99999' }, /expected a port, host:port, or a URL/],
  [{ url: '0' }, /expected a whole number from 1 to 65535, got "0"/],
  [{ url: 'ftp://localhost' }, /only http and https are forwarded/],
  [{ url: 'http://localhost:80/path' }, /without path or user/],
  [{ url: 'http://user:pw@localhost' }, /without path or user/],
  [{ port: 1.5 }, /expected a whole number/],
  [{ unix: '/run/app.sock', port: 8080 }, /port: the local app is given as a Unix socket already, leave one out/],
  [{ unix: '/run/app.sock', host: 'app.test' }, /local-host: the local app is given as a Unix socket already/],
  [{ unix: '/run/app.sock', url: '8080' }, /target: the local app is given as a Unix socket already/],
  [{ unix: '/run/app.sock', url: 'unix:/run/other.sock' }, /target: the local app is given as a Unix socket already/],
  [{ url: 'unix:/run/app.sock', port: 8080 }, /port: the local app is given as a Unix socket already/],
  [{ unix: '' }, /unix: expected the path of a socket such as/],
  [{ url: 'unix:' }, /unix: expected the path of a socket such as/],
  [{ unix: '\0abstract' }, /unix: expected the path of a socket such as/],
]
for (const [input, message] of wrong) {
  test(`${JSON.stringify(input)} is refused, saying what was expected`, () => {
    assert.throws(() => originTarget(input), message)
  })
}

test('an IPv6 address stands in brackets', () => {
  assert.equal(authority({ kind: 'tcp', tls: false, host: '::1', port: 80 }), '[::1]:80')
})

test('an app on a Unix socket has localhost for its own Host, and is known to people by its path', () => {
  const target = originTarget({ unix: '/run/app.sock' })
  assert.equal(authority(target), 'localhost')
  assert.equal(targetName(target), '/run/app.sock')
})

test('loopback is known by name and address', () => {
  for (const host of ['localhost', 'app.localhost', '127.0.0.1', '127.9.9.9', '::1']) assert.ok(isLoopback(host), host)
  for (const host of ['127.0.0.1.example.com', 'example.com', '10.0.0.1', 'localhost.example.com'])
    assert.ok(!isLoopback(host), host)
})
