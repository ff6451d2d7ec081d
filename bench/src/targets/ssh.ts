import { writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { findProgram, run } from '../process/programs.js'
import { commandTarget } from './command.js'

const sshd = () => process.env.BENCH_SSHD ?? findProgram('sshd')

/** `ssh -R`: the tunnel everybody has. Its server is an sshd of our own with keys that last as long as the run. */
export const ssh = commandTarget(
  {
    name: 'ssh',
    async missing() {
      const missing = ['ssh', 'ssh-keygen'].filter((name) => findProgram(name) === undefined)
      if (sshd() === undefined) missing.push('sshd')
      return missing.length === 0 ? undefined : `${missing.join(', ')} not installed`
    },
    async prepare({ dir, path, controlPort }) {
      for (const key of ['host', 'user'])
        await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, key)])
      writeFileSync(
        join(dir, 'sshd_config'),
        `
Port ${controlPort}
ListenAddress ${path.nearHost}
HostKey ${dir}/host
AuthorizedKeysFile ${dir}/user.pub
PidFile none
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding remote
GatewayPorts clientspecified
MaxSessions 4
`,
      )
    },
    server: ({ dir }) => [sshd() ?? 'sshd', '-D', '-e', '-f', join(dir, 'sshd_config')],
    agent: ({ dir, path, dial, visitorPort, originPort }) => [
      ...[findProgram('ssh') ?? 'ssh', '-F', 'none', '-N', '-T', '-i', join(dir, 'user'), '-p', String(dial.port)],
      ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR'],
      ...['-o', 'ExitOnForwardFailure=yes', '-o', 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none'],
      ...['-R', `${path.nearHost}:${visitorPort}:${path.farHost}:${originPort}`, `${userInfo().username}@${dial.host}`],
    ],
  },
  'controlPort',
)
