import { spawn } from 'node:child_process'
import { connect } from 'node:net'
import { findProgram, run } from '../process/programs.js'
import type { Stage } from '../process/stage.js'
import { FAR_CARD, type LineKind, NEAR_CARD } from './line.js'
import { Namespace, shellHere } from './namespace.js'
import { netem } from './netem.js'
import { packetLine } from './packet-line.js'
import type { Path, Slowness } from './path.js'

const NEAR = '198.18.0.1'
const FAR = '198.18.0.2'
/** Set in the run inside a network of its own. */
const MARK = 'BENCH_OWN_NETWORK'

/** Nobody listens there. */
const DISCARD_PORT = 9
const PROBES = 5

const NO_IPV6 = '/proc/sys/net/ipv6/conf/default/disable_ipv6'

/**
 * A new network has not even a loopback. Cards to come say nothing of their own accord. Buffers leave it to the line, not to
 * the kernel's defaults, how fast one connection can be. What a connection has learned of the path is not passed on: the
 * next one may belong to another target.
 */
const FURNISH = `
ip link set lo up
[ ! -e ${NO_IPV6} ] || echo 1 > ${NO_IPV6}
echo '4096 131072 33554432' > /proc/sys/net/ipv4/tcp_rmem
echo '4096 65536 33554432' > /proc/sys/net/ipv4/tcp_wmem
echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save
`

/** In the order of preference. */
export const lineKinds: LineKind[] = [netem, packetLine]

/** Why there can be no networks of our own here; undefined when there can. */
export async function missingNetwork(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root may make network namespaces'
  const missing = ['unshare', 'nsenter', 'setpriv', 'ip'].filter((name) => findProgram(name) === undefined)
  if (missing.length > 0) return `${missing.join(', ')} not installed`
  try {
    await run('unshare', ['--net', 'sh', '-ec', FURNISH])
  } catch {
    return "network namespaces can't be made here, or not be set up"
  }
  const reasons: string[] = []
  for (const kind of lineKinds) {
    const reason = await kind.missing()
    if (reason === undefined) return undefined
    reasons.push(reason)
  }
  return reasons.join(', and ')
}

export function inOwnNetwork(): boolean {
  return process.env[MARK] !== undefined
}

/** Runs this command once more in a network of its own, which ends with it. Resolves to its exit code. */
export function runInOwnNetwork(): Promise<number> {
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'unshare', '--net', ...command], {
    stdio: 'inherit',
    env: { ...process.env, [MARK]: '1' },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

export async function furnishOwnNetwork(): Promise<void> {
  await shellHere(FURNISH)
}

/** A second network for the far side, and a line between it and ours: of the first kind that can be had unless given. */
export async function networkPath(stage: Stage, slowness: Slowness, kind?: LineKind): Promise<Path> {
  const { name, lay } = kind ?? (await bestKind())
  const far = await Namespace.start(stage)
  await far.shell(FURNISH)
  const line = await lay(stage, far, slowness)
  await far.shell(attach(FAR_CARD, FAR))
  await shellHere(attach(NEAR_CARD, NEAR))
  const measuredMs = await roundTripMs()
  return {
    nearHost: NEAR,
    farHost: FAR,
    startFar: (program, command) => far.start(program, command),
    toNear: async (port) => ({ host: NEAR, port }),
    toFar: async (port) => ({ host: FAR, port }),
    async close() {
      const carried = await line.end().finally(() => far.stop())
      return `${name}, ${measuredMs.toFixed(1)} ms there and back; ${carried}`
    },
  }
}

async function bestKind(): Promise<LineKind> {
  for (const kind of lineKinds) {
    if ((await kind.missing()) === undefined) return kind
  }
  throw new Error('there is no line to be had')
}

/** Its connections have the congestion control that Linux has by default, whatever this machine prefers. */
function attach(card: string, address: string): string {
  return `
ip address add ${address}/30 dev ${card}
ip link set ${card} up
ip route replace 198.18.0.0/30 dev ${card} src ${address} congctl cubic
`
}

/** As the path is without any load: the median of some connections that are refused. */
export async function roundTripMs(): Promise<number> {
  const times: number[] = []
  for (let probe = 0; probe < PROBES; probe++) {
    const startedAt = performance.now()
    await new Promise((resolve) => connect(DISCARD_PORT, FAR).once('error', resolve))
    times.push(performance.now() - startedAt)
  }
  return times.sort((a, b) => a - b)[PROBES >> 1]!
}
