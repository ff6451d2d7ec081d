import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findProgram, freePort, runToEnd, startProgram } from './command.js'
import { fromPypi } from './registries.js'
import type { Score, Suite } from './suite.js'

const WSGIDAV = '4.4.0'

/** litmus asks a WebDAV server, here WsgiDAV: a dozen methods, `Expect: 100-continue`, URLs in header fields. */
export const litmus: Suite = {
  name: 'litmus',
  version: '0.13',
  async obtain() {
    const program = findProgram('litmus')
    if (program === undefined) return 'litmus is not installed (apt-get install litmus)'
    const bin = await fromPypi(`wsgidav-${WSGIDAV}`, `wsgidav==${WSGIDAV}`, 'cheroot')
    return {
      async startApp(world) {
        const port = await freePort()
        const folder = world.newState()
        mkdirSync(join(folder, 'share'), { recursive: true })
        const config = {
          host: '127.0.0.1',
          port,
          server: 'cheroot',
          provider_mapping: { '/': join(folder, 'share') },
          simple_dc: { user_mapping: { '*': true } },
          property_manager: true,
          lock_storage: true,
        }
        writeFileSync(join(folder, 'wsgidav.json'), JSON.stringify(config))
        await startProgram(world, port, join(bin, 'wsgidav'), ['-c', join(folder, 'wsgidav.json')], { cwd: folder })
        return port
      },
      async run({ port, folder }) {
        const { stdout } = await runToEnd(program, ['--keep-going', `http://127.0.0.1:${port}/`], { cwd: folder })
        return read(stdout)
      },
    }
  },
}

/** `-> running `props':`, then ` 6. propset............... pass` for each; a terminal's line is drawn anew with CR. */
function read(stdout: string): Score {
  const score: Score = new Map()
  let group = ''
  for (const line of stdout.split('\n').map((line) => line.slice(line.lastIndexOf('\r') + 1))) {
    group = /^-> running `(\w+)'/.exec(line)?.[1] ?? group
    const found = /^ ?(\d+)\. (\w+)\.* (pass|FAIL|SKIPPED)(.*)/.exec(line)
    if (found === null) continue
    const [, number, name, verdict, rest] = found
    score.set(`${group} ${number} ${name}`, {
      passed: verdict === 'pass',
      words: `${verdict}${rest}`.replaceAll(/127\.0\.0\.1:\d+/g, '…'),
    })
  }
  return score
}
