import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { webSocketEchoApp } from './apps.js'
import { mustRun } from './command.js'
import { fromPypiForPython2 } from './registries.js'
import type { Place, Score, Suite } from './suite.js'

const VERSION = '25.10.1'
/** Limits and compression: hundreds of cases that send a thousand messages each. */
const LONG = ['9.*', '12.*', '13.*']
/** The packages are in a plain folder; only addsitedir reads the .pth files that namespace packages need. */
const START = `import site, sys
site.addsitedir(sys.argv[1])
sys.path.insert(0, sys.argv.pop(1))
from autobahntestsuite.wstest import run
run()`

/** Autobahn|Testsuite: what every WebSocket implementation is measured by. Its fuzzing client talks to an echo server. */
export const autobahn: Suite = {
  name: 'autobahntestsuite',
  version: VERSION,
  async obtain({ full }) {
    const there = await fromPypiForPython2(`autobahntestsuite-${VERSION}`, `autobahntestsuite==${VERSION}`)
    if (there === undefined) return 'it needs Python 2.7; set PYTHON2 to its path'
    return {
      startApp: webSocketEchoApp,
      async run({ port, folder }: Place) {
        const spec = {
          outdir: join(folder, 'reports'),
          servers: [{ agent: 'app', url: `ws://127.0.0.1:${port}` }],
          cases: ['*'],
          'exclude-cases': full ? [] : LONG,
          'exclude-agent-cases': {},
        }
        writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec))
        const args = ['-c', START, there.packages, '-m', 'fuzzingclient', '-s', 'spec.json']
        await mustRun(there.python, args, { cwd: folder })
        return read(join(folder, 'reports/index.json'))
      },
    }
  },
}

interface Report {
  behavior: string
  behaviorClose: string
  remoteCloseCode: number | null
}

/** As the suite's own page counts: OK, non-strict and informational are no failures. */
function read(path: string): Score {
  const { app } = JSON.parse(readFileSync(path, 'utf8')) as { app: Record<string, Report> }
  const good = new Set(['OK', 'NON-STRICT', 'INFORMATIONAL'])
  return new Map(
    Object.entries(app).map(([name, { behavior, behaviorClose, remoteCloseCode }]) => {
      const passed = good.has(behavior) && good.has(behaviorClose)
      return [name, { passed, words: `${behavior}, close ${behaviorClose} ${remoteCloseCode}` }]
    }),
  )
}
