import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { echoApp } from './apps.js'
import { runToEnd } from './command.js'
import { programFromCrates } from './registries.js'
import type { Score, Suite } from './suite.js'

const VERSION = '0.4.0'
/** All that speak HTTP/1.1, those that are off by default too. */
const CHECKS = 'cl-te,te-cl,te-te,h2c,h2,cl-edge,cl-0,0-cl,parser-discrepancy'

/** smugglex: looks from outside, by delays and odd answers, for two parsers behind one address that disagree. */
export const smugglex: Suite = {
  name: 'smugglex',
  version: VERSION,
  async obtain() {
    const program = await programFromCrates('smugglex', VERSION)
    if (program === undefined) return 'it is compiled by cargo, which is not installed'
    return {
      startApp: echoApp,
      async run({ port, folder }) {
        const report = join(folder, 'report.json')
        const args = ['--checks', CHECKS, '--fuzz', '--timeout', '3', '--output', report]
        // Its exit code is its verdict, which is in the report too.
        await runToEnd(program, [...args, `http://127.0.0.1:${port}/`], { cwd: folder })
        return read(report)
      },
    }
  },
}

function read(path: string): Score {
  const { checks } = JSON.parse(readFileSync(path, 'utf8')) as {
    checks: Array<{ check_type: string; vulnerable: boolean; attack_status: string | null }>
  }
  return new Map(
    checks.map(({ check_type, vulnerable, attack_status }) => [
      check_type,
      { passed: !vulnerable, words: vulnerable ? `vulnerable: ${attack_status}` : 'not vulnerable' },
    ]),
  )
}
