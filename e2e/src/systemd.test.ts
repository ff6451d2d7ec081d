import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Running } from './support/process.js'
import { skipWithout } from './support/programs.js'
import { root, serverBin, World } from './support/world.js'

const units = join(root, 'deploy/systemd')
const skip = skipWithout('systemd-notify', 'systemd')

test('systemd finds nothing wrong with the units', { skip }, async () => {
  await using world = await World.create()
  const service = readFileSync(join(units, 'tunnel-server@.service'), 'utf8')
  const verify = async (text: string) => {
    // The commands in it are where they are on the operator's machine.
    writeFileSync(
      world.path('tunnel-server@.service'),
      text.replace(/^ExecStart=.*/m, `ExecStart=${process.execPath} ${serverBin}`),
    )
    copyFileSync(join(units, 'tunnel-server.socket'), world.path('tunnel-server.socket'))
    const names = ['tunnel-server@a.service', 'tunnel-server.socket'].map((name) => world.path(name))
    const verifier = new Running('systemd-analyze', ['verify', '--man=no', ...names])
    const code = await verifier.exitCode()
    return [code, verifier.stdout + verifier.stderr]
  }
  assert.deepEqual(await verify(service), [0, ''])
  assert.match(String((await verify(service.replace('Sockets=', 'Sokets=')))[1]), /Unknown key (name )?'Sokets'/)
  assert.match(service, /^TimeoutStopSec=40$/m, 'longer than --drain')
})

/** Receives one message as systemd does: Node has no datagram sockets on paths. */
const RECEIVER = `
use Socket;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die $!;
bind($socket, sockaddr_un($ARGV[0])) or die $!;
$| = 1;
print "bound\\n";
recv($socket, my $message, 4096, 0);
print $message;
`

test('a server that systemd starts tells it when it takes visitors; one that cannot start says nothing', {
  skip,
}, async () => {
  await using world = await World.create()
  const path = world.path('notify')
  await using receiver = new Running('perl', ['-e', RECEIVER, path])
  await receiver.waitFor(/bound/)
  await world.startServer(0, { env: { NOTIFY_SOCKET: path } })
  await receiver.waitFor(/READY=1/)
  assert.equal((await fetch(`${world.url}/api/health`)).status, 200)

  const other = world.path('other')
  await using silent = new Running('perl', ['-e', RECEIVER, other])
  await silent.waitFor(/bound/)
  const wrong = world.run(serverBin, ['--port', '0', '--tls-cert', 'none'], { NOTIFY_SOCKET: other })
  assert.equal(await wrong.exitCode(), 78)
  assert.equal(silent.stdout, 'bound\n')
})

/** Takes the place of systemctl, which has no systemd to talk to here: writes down what it is asked, and knows which instances run. */
const SYSTEMCTL = `#!/bin/sh
echo "$*" >> "$LOG"
case "$1 $3" in
  "is-active tunnel-server@$ACTIVE.service") exit 0;;
  "is-active "*) exit 3;;
esac
[ "$1" != start ] || exit "$START"
`

test('the script for a restart starts the other instance first, and stops the old one only if that works', async () => {
  await using world = await World.create()
  const log = world.path('log')
  writeFileSync(world.path('systemctl'), SYSTEMCTL)
  chmodSync(world.path('systemctl'), 0o755)
  const restart = async (active: string, start: number) => {
    writeFileSync(log, '')
    const env = { PATH: `${world.path('.')}:${process.env.PATH}`, LOG: log, ACTIVE: active, START: String(start) }
    await using script = new Running('sh', [join(units, 'tunnel-server-restart')], { env })
    const code = await script.exitCode()
    return [
      code,
      ...readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => /^(start|stop)/.test(line)),
    ]
  }
  assert.deepEqual(await restart('a', 0), [
    0,
    'start tunnel-server@b.service',
    'stop --no-block tunnel-server@a.service',
  ])
  assert.deepEqual(await restart('b', 0), [
    0,
    'start tunnel-server@a.service',
    'stop --no-block tunnel-server@b.service',
  ])
  assert.deepEqual(await restart('a', 1), [1, 'start tunnel-server@b.service'])
})
